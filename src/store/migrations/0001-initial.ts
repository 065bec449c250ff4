import { type Kysely, sql } from 'kysely'

/** The first schema. A released migration is never edited; a change is a new file beside it. */
export const initial = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      create table registered_model (
        id integer generated always as identity primary key,
        name text not null unique,
        description text,
        next_version integer not null default 1,
        last_seq integer not null default 0,
        last_hash text not null default '',
        created_at timestamptz not null,
        updated_at timestamptz not null
      );

      create table model_version (
        model_id integer not null references registered_model (id),
        version integer not null check (version > 0),
        stage text not null check (stage in ('None', 'Staging', 'Production', 'Archived')),
        state text not null,
        lifecycle jsonb not null,
        machine_version integer not null,
        exclusive boolean not null default false,
        source text not null,
        run_id text,
        digest text,
        metrics jsonb not null,
        description text,
        author text,
        registered_by text not null,
        trace_id text not null,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        primary key (model_id, version)
      );
      create unique index one_exclusive_production on model_version (model_id)
        where stage = 'Production' and exclusive;
      create index model_version_in_production on model_version (model_id) where stage = 'Production';

      create table model_version_tag (
        model_id integer not null,
        version integer not null,
        key text not null,
        value text not null,
        primary key (model_id, version, key),
        foreign key (model_id, version) references model_version (model_id, version)
      );

      create table event (
        model_id integer not null,
        seq integer not null,
        model text not null,
        version integer not null,
        type text not null,
        from_stage text,
        from_state text,
        to_stage text not null,
        to_state text not null,
        actor text not null,
        channel text not null,
        reason text,
        detail jsonb not null,
        trace_id text not null,
        at timestamptz not null,
        prev_hash text not null,
        hash text not null,
        primary key (model_id, seq)
      );
      create function refuse_change() returns trigger language plpgsql as $$
      begin
        raise exception 'the history is insert-only' using errcode = 'insufficient_privilege';
      end $$;
      create trigger event_is_insert_only before update or delete on event
        for each row execute function refuse_change();
      create trigger event_is_never_truncated before truncate on event
        for each statement execute function refuse_change();

      create table command (
        id uuid primary key,
        kind text not null,
        queue text not null,
        payload jsonb not null,
        model text not null,
        version integer not null,
        trace_id text not null,
        status text not null default 'pending'
          check (status in ('pending', 'queued', 'running', 'done', 'cancelled', 'dead')),
        attempt integer not null default 0,
        failures integer not null default 0,
        run_at timestamptz not null default clock_timestamp(),
        lease_until timestamptz,
        last_error text,
        created_at timestamptz not null default clock_timestamp(),
        finished_at timestamptz
      );
      create index command_due on command (run_at) where status = 'pending';
      create index command_leased on command (lease_until) where status in ('queued', 'running');
      create index command_open on command (queue, status) where status in ('pending', 'queued', 'running', 'dead');
      create index command_ended on command (finished_at) where status in ('done', 'cancelled');
      create index command_deadline on command ((payload ->> 'requestId'))
        where kind = 'expireRequest' and status in ('pending', 'queued');

      create table validation (
        id uuid primary key,
        model_id integer not null,
        version integer not null,
        suite text not null check (suite in ('validate', 'test', 'all')),
        status text not null check (status in ('running', 'passed', 'failed', 'errored', 'cancelled')),
        policy_hash text not null,
        incumbent_version integer,
        digest text,
        opened_at timestamptz not null,
        closed_at timestamptz,
        foreign key (model_id, version) references model_version (model_id, version)
      );
      create index validation_of_version on validation (model_id, version, opened_at);

      create table check_result (
        validation_id uuid not null references validation (id),
        position integer not null,
        rule jsonb not null,
        command_id uuid not null,
        verdict text check (verdict in ('passed', 'failed', 'inconclusive', 'errored')),
        summary text,
        measured jsonb,
        digest text,
        attempt integer,
        started_at timestamptz,
        finished_at timestamptz,
        primary key (validation_id, position)
      );

      create table approval_request (
        id uuid primary key,
        model_id integer not null,
        version integer not null,
        state text not null
          check (state in ('pending', 'approved', 'declined', 'expired', 'withdrawn', 'stale')),
        lifecycle jsonb not null,
        machine_version integer not null,
        validation_id uuid not null references validation (id),
        digest text,
        policy_hash text not null,
        incumbent_version integer,
        archive_existing boolean not null,
        approvers jsonb,
        trace_id text not null,
        message jsonb,
        opened_at timestamptz not null,
        expires_at timestamptz,
        closed_at timestamptz,
        outcome_reason text,
        foreign key (model_id, version) references model_version (model_id, version)
      );
      create index approval_request_of_version on approval_request (model_id, version, opened_at);
      create unique index one_pending_request on approval_request (model_id, version)
        where state = 'pending';

      create table decision (
        request_id uuid not null references approval_request (id),
        principal text not null,
        answer text not null check (answer in ('approve', 'decline')),
        reason text,
        channel text not null,
        at timestamptz not null,
        primary key (request_id, principal)
      );

      create table delivery (
        source text not null,
        id text not null,
        body_hash text not null,
        model text,
        version integer,
        received_at timestamptz not null,
        primary key (source, id)
      );

      create table token (
        id text primary key,
        secret_hash text not null,
        principal text not null,
        roles jsonb not null,
        created_by text not null,
        created_at timestamptz not null,
        expires_at timestamptz,
        revoked_at timestamptz
      );

      create table session (
        secret_hash text primary key,
        token_id text not null references token (id),
        created_at timestamptz not null,
        expires_at timestamptz not null
      );
    `.execute(db)
  },
}
