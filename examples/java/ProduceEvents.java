// One message and what became of it, sent from Java: Apache Avro's own single-object encoding and the plain Kafka
// producer, nothing of ours. In this folder, with a broker that has the topics (`sms-streams topics create`):
//
//   mvn -q compile exec:java -Dexec.args="localhost:9092 ../../schemas"

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.generic.GenericRecordBuilder;
import org.apache.avro.message.BinaryMessageEncoder;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class ProduceEvents {
    private final KafkaProducer<byte[], byte[]> producer;
    private final Path schemas;

    ProduceEvents(String bootstrap, Path schemas) {
        // The default partitioner is murmur2 of the key: the one that all writers of these topics use.
        Map<String, Object> options = Map.of("bootstrap.servers", bootstrap, "enable.idempotence", true, "acks", "all");
        this.producer = new KafkaProducer<>(options, new ByteArraySerializer(), new ByteArraySerializer());
        this.schemas = schemas;
    }

    /** Fields that are not given take the schema's defaults. The key is the message_id in UTF-8. */
    void send(String topic, Map<String, Object> fields) throws Exception {
        Schema schema = new Schema.Parser().parse(schemas.resolve(topic + ".avsc").toFile());
        GenericRecordBuilder builder = new GenericRecordBuilder(schema);
        fields.forEach(builder::set);
        GenericRecord record = builder.build();
        ByteBuffer value = new BinaryMessageEncoder<GenericRecord>(GenericData.get(), schema).encode(record);
        byte[] key = fields.get("message_id").toString().getBytes(StandardCharsets.UTF_8);
        producer.send(new ProducerRecord<>(topic, key, value.array())).get();
        System.out.println(topic + " " + record);
    }

    public static void main(String[] args) throws Exception {
        String bootstrap = args.length > 0 ? args[0] : "localhost:9092";
        Path schemas = Path.of(args.length > 1 ? args[1] : "../../schemas");
        String id = "java-" + System.currentTimeMillis();
        long now = System.currentTimeMillis();
        ProduceEvents events = new ProduceEvents(bootstrap, schemas);
        events.send("sms.submit", Map.of("message_id", id, "submitted_at_ms", now - 3_000, "provider", "aurora",
                "campaign", "welcome", "recipient", "+33612345678", "country", "FR"));
        events.send("sms.submit-response", Map.of("message_id", id, "responded_at_ms", now - 2_800, "code", "0",
                "provider_message_id", "a1b2c3"));
        events.send("sms.delivery-report", Map.of("message_id", id, "received_at_ms", now, "code", "DELIVRD",
                "err", "000", "provider_message_id", "a1b2c3"));
        events.producer.close();
    }
}
