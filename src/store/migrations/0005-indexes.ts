import { type Kysely, sql } from 'kysely'

/**
 * Indexes on versions that hold deleted ones too. Until a table is analyzed, PostgreSQL takes nearly all rows for
 * deleted ones, so that an index without these seemed so small that it was read from end to end where the primary
 * key leads to the one row. For the same reason the index by number also has the model: it is taken instead of the key.
 */
export const indexes = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      drop index model_version_by_stage, model_version_by_update, model_version_of_model_by_update,
        model_version_by_number, model_version_by_run;
      create index model_version_by_stage on every_model_version (model_id, stage, version);
      create index model_version_by_update on every_model_version (updated_at);
      create index model_version_of_model_by_update on every_model_version (model_id, updated_at, version);
      create index model_version_by_number on every_model_version (version, model_id);
      create index model_version_by_run on every_model_version (run_id);
    `.execute(db)
  },
}
