-- What the example asks of PostgreSQL beside Obelisk's own database: psql -d postgres -f setup.sql, as a superuser.

-- Obelisk's transactions meet now and then. A second, the default, is so long that clips which wait for one of
-- them are all asked for at once.
ALTER SYSTEM SET deadlock_timeout = '50ms';
SELECT pg_reload_conf();

CREATE DATABASE turns;
\connect turns
-- When each organisation's last turn is, or was.
CREATE TABLE turns (organisation text PRIMARY KEY, at timestamptz NOT NULL);
