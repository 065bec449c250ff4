import { createServer } from 'node:net'

/**
 * `wanted` if nobody listens there, else any free port of that address; 0 wants any. Somebody may still take it before
 * the caller does, who then has to say so. Rejects when the address is none of this machine's.
 */
export function freePort(wanted = 0, host = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (error) => (wanted === 0 ? reject(error) : resolve(freePort(0, host))))
    probe.listen(wanted, host, () => {
      const address = probe.address()
      const port = typeof address === 'object' && address !== null ? address.port : wanted
      probe.close(() => resolve(port))
    })
  })
}
