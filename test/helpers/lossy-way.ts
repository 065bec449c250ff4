import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A way to a database on which an answer can be lost. */
export type LossyWay = {
  url: string
  /** Takes the next commit to the database, and breaks the connection instead of bringing the answer back. */
  loseNextCommit(): void
  close(): Promise<void>
}

// Longer than the database takes to commit.
const commitMs = 300

/** Opens a way to the database at `url`. */
export async function openLossyWay(url: string): Promise<LossyWay> {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  let isArmed = false
  const server = createServer((client) => {
    const database = connect(Number(target.port), target.hostname)
    for (const [socket, other] of [
      [client, database],
      [database, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        other.end()
      })
    }
    let isLost = false
    database.on('data', (chunk) => void (isLost || client.write(chunk)))
    client.on('data', async (chunk) => {
      if (isArmed && chunk.includes('commit')) {
        isArmed = false
        isLost = true
      }
      database.write(chunk)
      if (!isLost) return
      await sleep(commitMs)
      client.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const way = new URL(url)
  way.hostname = '127.0.0.1'
  way.port = String((server.address() as { port: number }).port)
  return {
    url: way.href,
    loseNextCommit: () => {
      isArmed = true
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
