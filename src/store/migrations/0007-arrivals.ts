import { type Kysely, sql } from 'kysely'

/** Deliveries from outside are forgotten in the order in which they came. */
export const arrivals = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`create index delivery_by_arrival on delivery (received_at)`.execute(db)
  },
}
