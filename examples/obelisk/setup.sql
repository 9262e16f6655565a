-- Run this once, as a superuser. It creates a role with a password for the nodes, and two databases that the role owns.
\set ON_ERROR_STOP on

CREATE ROLE obelisk LOGIN PASSWORD :'password';

-- Obelisk's transactions sometimes block one another. The default of one second is too long: clips wait for the blocked
-- transaction, and are then requested all at once.
ALTER ROLE obelisk SET deadlock_timeout = '50ms';

CREATE DATABASE obelisk OWNER obelisk;
CREATE DATABASE turns OWNER obelisk;

\connect turns
SET ROLE obelisk;
-- The time of the last turn that was reserved for each organisation.
CREATE TABLE turns (organisation text PRIMARY KEY, last_turn timestamptz NOT NULL);
