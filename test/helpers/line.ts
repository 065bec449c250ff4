import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A line to a database that can fail. */
export type Line = {
  /** The database's URL, by way of this line. */
  url: string
  /** Breaks every connection, and takes no new ones until it is mended. */
  cut(): void
  mend(): void
  /** Nothing goes over the connections that there are any more, and nothing ends them; new ones are sound. */
  silence(): void
  /** Takes the next commit to the database, and breaks that connection instead of bringing its answer back. */
  loseNextCommit(): void
  close(): Promise<void>
}

/** Lays a line to the database of a URL. */
export async function openLine(to: string): Promise<Line> {
  const target = new URL(to)
  const pairs = new Set<[Socket, Socket]>()
  let isCut = false
  let losesCommit = false
  const server = createServer((near) => {
    if (isCut) return near.destroy()
    const far = connect(Number(target.port), target.hostname)
    const pair: [Socket, Socket] = [near, far]
    pairs.add(pair)
    for (const [from, into] of [pair, pair.toReversed() as typeof pair]) {
      from.on('error', () => {})
      from.on('close', () => pairs.delete(pair) && into.destroy())
      from.pipe(into)
    }
    near.on('data', (asked: Buffer) => {
      if (!losesCommit || !asked.includes('commit')) return
      losesCommit = false
      far.unpipe(near)
      far.on('data', (answer: Buffer) => answer.includes('COMMIT') && near.destroy())
      far.resume()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(target)
  url.port = `${(server.address() as AddressInfo).port}`
  const breakAll = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy()
  }
  return {
    url: url.href,
    cut: () => {
      isCut = true
      breakAll()
    },
    mend: () => {
      isCut = false
    },
    silence: () => {
      for (const [near, far] of pairs) {
        near.unpipe(far)
        far.unpipe(near)
        near.resume()
        far.resume()
      }
    },
    loseNextCommit: () => {
      losesCommit = true
    },
    close: async () => {
      breakAll()
      server.close()
      await once(server, 'close')
    },
  }
}
