import { type Kysely, sql } from 'kysely'

/**
 * Which of a model's versions in Production came there last is told by the history, whose rows come one after another.
 * The time of a version's last change says something else: a new description changes it too.
 */
export const production = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      alter table every_model_version add column production_seq integer;
      update every_model_version v set production_seq = (
        select max(seq) from event
        where model_id = v.model_id and version = v.version
          and to_stage = 'Production' and from_stage is distinct from 'Production'
      ) where stage = 'Production';
      create or replace view model_version as select * from every_model_version where deleted_at is null;
      drop index model_version_in_production;
      create index model_version_in_production on every_model_version (model_id, production_seq)
        where stage = 'Production' and deleted_at is null;
    `.execute(db)
  },
}
