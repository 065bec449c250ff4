// `greenroom`: the one place where the command line ends its process.
import { enableCompileCache } from 'node:module'

// Stripping types and compiling is most of what a short command does.
enableCompileCache()
const { runCli } = await import('./program.ts')

// Whoever reads our output may have seen enough, as `head` has.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })

const code = await runCli(process.argv.slice(2))
await Promise.all([process.stdout, process.stderr].map(flush))
process.exit(code)

function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()))
}
