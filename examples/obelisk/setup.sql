-- PostgreSQL's part, once, by a superuser: a role for the nodes, with a password, and two databases that it owns.
\set ON_ERROR_STOP on

CREATE ROLE obelisk LOGIN PASSWORD :'password';

-- Obelisk's transactions block one another now and then. A second, the default, is so long that all clips which
-- wait for one of them are then asked for at once.
ALTER ROLE obelisk SET deadlock_timeout = '50ms';

CREATE DATABASE obelisk OWNER obelisk;
CREATE DATABASE turns OWNER obelisk;

\connect turns
SET ROLE obelisk;
-- When the last turn is, or was, that was reserved for an organisation.
CREATE TABLE turns (organisation text PRIMARY KEY, last_turn timestamptz NOT NULL);
