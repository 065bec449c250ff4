import { type Kysely, sql } from 'kysely'

/**
 * Webhooks that tell others what happened here, and every delivery with its attempts. A deleted webhook is kept
 * without its secret, for its deliveries refer to it. A command need not be about one version any more.
 */
export const webhooks = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      create table webhook (
        id uuid primary key,
        name text not null,
        url text not null,
        description text,
        status text not null check (status in ('ACTIVE', 'DISABLED')),
        secret text,
        rests_until timestamptz,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        deleted_at timestamptz
      );
      create index webhook_newest on webhook (created_at desc, id desc) where deleted_at is null;

      create table webhook_event (
        webhook_id uuid not null references webhook (id),
        position integer not null,
        entity text not null,
        action text not null,
        primary key (webhook_id, entity, action)
      );
      create index webhook_event_subscribers on webhook_event (entity, action);

      create table webhook_delivery (
        id uuid primary key,
        webhook_id uuid not null references webhook (id),
        entity text not null,
        action text not null,
        body text not null,
        model text not null,
        version integer,
        sequence integer not null,
        status text not null default 'pending'
          check (status in ('pending', 'delivered', 'dead', 'cancelled')),
        attempts integer not null default 0,
        created_at timestamptz not null,
        ended_at timestamptz
      );
      create index webhook_delivery_newest on webhook_delivery (webhook_id, created_at desc, id desc);
      create index webhook_delivery_ended on webhook_delivery (ended_at)
        where status in ('delivered', 'cancelled');

      create table webhook_attempt (
        delivery_id uuid not null references webhook_delivery (id) on delete cascade,
        attempt integer not null,
        at timestamptz not null,
        status integer,
        error text,
        ms integer not null,
        primary key (delivery_id, attempt)
      );

      alter table command alter column version drop not null;
    `.execute(db)
  },
}
