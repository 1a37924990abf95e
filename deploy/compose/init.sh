#!/bin/sh
# Topics, tables, roles and users; or, with arguments, any other command of sms-streams as the same user.
set -eu
config=/sms-streams.toml
if [ $# -gt 0 ]; then
    exec sms-streams --config $config "$@"
fi
SMS_LOADER_PASSWORD=$(cat /run/secrets/clickhouse_loader)
SMS_ANALYST_PASSWORD=$(cat /run/secrets/clickhouse_analyst)
export SMS_LOADER_PASSWORD SMS_ANALYST_PASSWORD
sms-streams --config $config topics create
sms-streams --config $config migrate
