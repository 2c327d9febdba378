-- Runs once, on an empty volume: one database for Prefect, one for the ledger; never one schema for both.
CREATE DATABASE prefect;
CREATE DATABASE throughline;
\connect prefect
CREATE EXTENSION IF NOT EXISTS pg_trgm;
