import { createServer } from 'node:net'

/** A port that nobody else can take until it is released. `release` is *idempotent* and *never rejects*. */
export type HeldPort = { port: number; release(): Promise<void> }

/** Holds a port of an address; 0 wants any. Rejects when it is taken, or the address is none of this machine's. */
export function holdPort(wanted: number, host: string): Promise<HeldPort> {
  return new Promise((resolve, reject) => {
    const holder = createServer((caller) => caller.destroy())
    const release = () => new Promise<void>((done) => holder.close(() => done()))
    holder.once('error', reject)
    holder.listen(wanted, host, () => {
      const address = holder.address()
      resolve({ port: typeof address === 'object' && address !== null ? address.port : wanted, release })
    })
  })
}

/**
 * `wanted` if nobody listens there, else any free port of the loopback address; 0 wants any. Somebody may still take it
 * before the caller does, who then has to say so.
 */
export async function freePort(wanted = 0): Promise<number> {
  const host = '127.0.0.1'
  const { port, release } = await holdPort(wanted, host).catch(() => holdPort(0, host))
  await release()
  return port
}
