import { type Kysely, sql } from 'kysely'

/**
 * What a registry has besides versions: tags and aliases of models, and deletion. A deleted row is kept, for the
 * history and what was validated refer to it, and is out of sight: the names that every query uses are views of what
 * is not deleted. The indexes are those of the search, and that on Production has its order too, so that
 * none of them looks better. A tag's value can be too long for an index, so its first 100 characters lead to it.
 */
export const registry = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      alter table registered_model rename to every_registered_model;
      alter table every_registered_model drop constraint registered_model_name_key;
      alter table every_registered_model add column deleted_at timestamptz;
      create unique index registered_model_name on every_registered_model (name) where deleted_at is null;
      create view registered_model as select * from every_registered_model where deleted_at is null;

      alter table model_version rename to every_model_version;
      alter table every_model_version add column run_link text;
      alter table every_model_version add column download_uri text;
      alter table every_model_version add column deleted_at timestamptz;
      create index model_version_by_stage on every_model_version (model_id, stage, version)
        where deleted_at is null;
      create view model_version as select * from every_model_version where deleted_at is null;

      create table registered_model_tag (
        model_id integer not null references every_registered_model (id),
        key text not null,
        value text not null,
        primary key (model_id, key)
      );

      create table registered_model_alias (
        model_id integer not null references every_registered_model (id),
        alias text not null,
        version integer not null,
        primary key (model_id, alias),
        foreign key (model_id, version) references every_model_version (model_id, version)
      );
      create index registered_model_alias_of_version on registered_model_alias (model_id, version);

      drop index model_version_in_production;
      create index model_version_in_production on every_model_version (model_id, updated_at, version)
        where stage = 'Production' and deleted_at is null;
      create index registered_model_by_name on every_registered_model (name collate "C")
        where deleted_at is null;
      create index model_version_by_update on every_model_version (updated_at) where deleted_at is null;
      create index model_version_of_model_by_update on every_model_version (model_id, updated_at, version)
        where deleted_at is null;
      create index model_version_by_number on every_model_version (version) where deleted_at is null;
      create index model_version_by_run on every_model_version (run_id) where deleted_at is null;
      create index registered_model_tag_by_value
        on registered_model_tag (key, left(value, 100) collate "C", model_id);
      create index model_version_tag_by_value
        on model_version_tag (key, left(value, 100) collate "C", model_id, version);
      create index model_version_of_prompt on model_version_tag (model_id)
        where key = 'mlflow.prompt.is_prompt' and value = 'true';

      alter table event alter column version drop not null;
      alter table event alter column to_stage drop not null;
      alter table event alter column to_state drop not null;
    `.execute(db)
  },
}
