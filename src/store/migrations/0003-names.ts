import { type Kysely, sql } from 'kysely'

/** Finds what was delivered of a model, which is to be told when that model is renamed or deleted. */
export const names = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`create index delivery_of_version on delivery (model, version) where model is not null`.execute(
      db,
    )
  },
}
