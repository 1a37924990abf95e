-- The catalog for SQL: what the providers' codes mean, in the reader's language. `sms-streams migrate` fills the tables
-- from the catalog of this version, the user's own files included; the dictionaries read the tables.

-- One row a way to write a code. `spelling` is the code folded: lower case, no accents, single blanks; or a number
-- without leading zeros; or only its letters and digits. Every dialect is complete, with what it takes from its base.
CREATE TABLE IF NOT EXISTS sms.catalog_codes
(
    dialect          LowCardinality(String),
    side             LowCardinality(String) COMMENT 'report, answer or err',
    spelling         String,
    code             String COMMENT 'as the catalog writes it',
    status           LowCardinality(String),
    final            LowCardinality(String),
    reason           LowCardinality(String),
    reason_class     LowCardinality(String),
    recipient_action LowCardinality(String),
    billed           LowCardinality(String) COMMENT 'yes, no, or empty: the provider does not say',
    colour           LowCardinality(String),
    label_en         String,
    label_fr         String,
    source           LowCardinality(String),
    checksum         LowCardinality(String) COMMENT 'of the catalog and the configuration that the rows come from'
)
ENGINE = MergeTree ORDER BY (dialect, side, spelling);

-- Labels of our own words: kind is reason, status, class, action or billed.
CREATE TABLE IF NOT EXISTS sms.catalog_labels
(
    kind     LowCardinality(String),
    word     String,
    label_en String,
    label_fr String
)
ENGINE = MergeTree ORDER BY (kind, word);

-- Which dialect a provider speaks; the provider '' stands for all that the configuration does not name.
CREATE TABLE IF NOT EXISTS sms.catalog_providers
(
    provider String,
    dialect  LowCardinality(String)
)
ENGINE = MergeTree ORDER BY provider;

CREATE DICTIONARY IF NOT EXISTS sms.codes
(
    dialect          String,
    side             String,
    spelling         String,
    code             String,
    status           String,
    final            String,
    reason           String,
    reason_class     String,
    recipient_action String,
    billed           String,
    colour           String,
    label_en         String,
    label_fr         String,
    source           String
)
PRIMARY KEY dialect, side, spelling
SOURCE(CLICKHOUSE(DB 'sms' TABLE 'catalog_codes'))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(MIN 60 MAX 120);

CREATE DICTIONARY IF NOT EXISTS sms.labels
(
    kind     String,
    word     String,
    label_en String,
    label_fr String
)
PRIMARY KEY kind, word
SOURCE(CLICKHOUSE(DB 'sms' TABLE 'catalog_labels'))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(MIN 60 MAX 120);

CREATE DICTIONARY IF NOT EXISTS sms.dialects
(
    provider String,
    dialect  String
)
PRIMARY KEY provider
SOURCE(CLICKHOUSE(DB 'sms' TABLE 'catalog_providers'))
LAYOUT(COMPLEX_KEY_HASHED())
LIFETIME(MIN 60 MAX 120);

-- One row a message: where it stands, and what the provider's codes say, in both languages.
-- A code that the catalog does not know has empty labels.
CREATE OR REPLACE VIEW sms.message_codes AS
WITH
    x -> trim(replaceRegexpAll(
        replaceRegexpAll(lowerUTF8(normalizeUTF8NFKD(translateUTF8(x, '’‘ʼ‐‑‒–—−', '\'\'\'------'))), '\\p{M}', ''),
        '\\s+', ' '
    )) AS fold,
    x -> replaceRegexpOne(x, '^0*([0-9]{1,20})(\\.0)?$', '\\1') AS number,
    x -> replaceRegexpAll(x, '[^\\p{L}\\p{N}]', '') AS joined,
    (d, s, x) -> multiIf(
        dictHas('sms.codes', (d, s, fold(x))), (d, s, fold(x)),
        dictHas('sms.codes', (d, s, number(fold(x)))), (d, s, number(fold(x))),
        (d, s, joined(fold(x)))
    ) AS key
SELECT
    account, campaign, message_id, created_at, provider, recipient, country, traffic_type,
    status,
    dictGet('sms.labels', 'label_en', ('status', toString(status))) AS status_en,
    dictGet('sms.labels', 'label_fr', ('status', toString(status))) AS status_fr,
    reason,
    dictGet('sms.labels', 'label_en', ('reason', toString(reason))) AS reason_en,
    dictGet('sms.labels', 'label_fr', ('reason', toString(reason))) AS reason_fr,
    reason_class,
    recipient_action,
    dictGet('sms.labels', 'label_en', ('action', toString(recipient_action))) AS action_en,
    dictGet('sms.labels', 'label_fr', ('action', toString(recipient_action))) AS action_fr,
    billable_parts,
    dictGetOrDefault('sms.dialects', 'dialect', toString(provider), dictGet('sms.dialects', 'dialect', '')) AS dialect,
    report_code,
    key(dialect, 'report', toString(report_code)) AS report_key,
    dictGet('sms.codes', 'label_en', report_key) AS report_en,
    dictGet('sms.codes', 'label_fr', report_key) AS report_fr,
    dictGet('sms.codes', 'colour', report_key) AS report_colour,
    dictGet('sms.codes', 'billed', report_key) AS report_billed,
    report_err,
    key(dialect, 'err', toString(report_err)) AS err_key,
    dictGet('sms.codes', 'label_en', err_key) AS err_en,
    dictGet('sms.codes', 'label_fr', err_key) AS err_fr,
    response_code,
    key(dialect, 'answer', toString(response_code)) AS response_key,
    dictGet('sms.codes', 'label_en', response_key) AS response_en,
    dictGet('sms.codes', 'label_fr', response_key) AS response_fr
FROM sms.message_latest;
