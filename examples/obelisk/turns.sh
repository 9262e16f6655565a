#!/bin/sh
# Reserves the next $2 turns of the organisation $1, a JSON string. Prints the turns as a JSON array of times, in
# milliseconds since 1970. If this fails, prints a JSON string: Obelisk retries after such an error, but not after output
# that it cannot parse.
psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 \
  --set organisation="$1" --set count="$2" --set pace="$PACE" <<'SQL' || { echo '"PostgreSQL returned no turn"'; exit 1; }
WITH reserved AS (
  INSERT INTO turns (organisation, last_turn)
  VALUES (:'organisation', clock_timestamp() + (:count - 1) * :'pace'::interval)
  ON CONFLICT (organisation) DO UPDATE
  SET last_turn = greatest(clock_timestamp(), turns.last_turn + :'pace') + (:count - 1) * :'pace'::interval
  RETURNING last_turn
)
SELECT json_agg(floor(extract(epoch FROM last_turn - (:count - turn) * :'pace'::interval) * 1000)::bigint ORDER BY turn)
FROM reserved, generate_series(1, :count) AS turn;
SQL
