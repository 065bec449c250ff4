// When a version has moved, told by the database itself: a trigger that notifies us. PostgreSQL sends a notification
// when its transaction has been committed, so what is timed ends when everybody can see the version where it is.
import pg from 'pg'

/** Tells when versions entered a stage. */
export type Moves = {
  /** The moment at which a version entered a stage, by `performance.now()`; waits for it. */
  entered(model: string, version: number, stage: 'Staging' | 'Production'): Promise<number>
  /** Stops watching, and leaves the database as it was. */
  close(): Promise<void>
}

const patienceMs = 15_000
const channel = 'bench_moves'
const addTrigger = `
  create function tell_move() returns trigger language plpgsql as $$
  begin
    perform pg_notify('${channel}', new.model || ' ' || new.version || ' ' || new.to_stage);
    return null;
  end $$;
  create trigger tells_move after insert on event for each row
    when (new.from_stage is distinct from new.to_stage) execute function tell_move()`

/** Starts watching Greenroom's database. */
export async function watchMoves(databaseUrl: string): Promise<Moves> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  await client.query(addTrigger)
  await client.query(`listen ${channel}`)
  const seen = new Map<string, number>()
  const waiting = new Map<string, (at: number) => void>()
  client.on('notification', ({ payload = '' }) => {
    const at = performance.now()
    seen.set(payload, at)
    waiting.get(payload)?.(at)
  })
  return {
    entered: (model, version, stage) => {
      const key = `${model} ${version} ${stage}`
      const known = seen.get(key)
      if (known !== undefined) return Promise.resolve(known)
      return new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`${key}: not within ${patienceMs} ms`)), patienceMs)
        waiting.set(key, (at) => {
          clearTimeout(late)
          resolve(at)
        })
      })
    },
    close: async () => {
      await client.query('drop trigger tells_move on event; drop function tell_move')
      await client.end()
    },
  }
}
