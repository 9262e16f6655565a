#!/bin/sh
# Reserves the next $2 turns of the organisation $1, a JSON string, and prints them as a JSON array.
exec psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 \
  --set organisation="$1" --set count="$2" --set pace="$PACE" <<'SQL'
WITH last AS (
  INSERT INTO turns (organisation, at)
  VALUES (:'organisation', clock_timestamp() + (:count - 1) * :'pace'::interval)
  ON CONFLICT (organisation) DO UPDATE
  SET at = greatest(clock_timestamp(), turns.at + :'pace') + (:count - 1) * :'pace'::interval
  RETURNING at
)
SELECT json_agg(floor(extract(epoch FROM at - (:count - turn) * :'pace'::interval) * 1000)::bigint ORDER BY turn)
FROM last, generate_series(1, :count) AS turn;
SQL
