// A thread that swaps a folder for a link to elsewhere and back, until it is terminated.
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { workerData } from 'node:worker_threads'

const [real, aside, evil] = ['real', 'aside', 'evil'].map((name) => join(String(workerData), name))
if (real === undefined || aside === undefined || evil === undefined) throw new Error('no folder was given')
for (;;) {
  renameSync(real, aside)
  renameSync(evil, real)
  renameSync(real, evil)
  renameSync(aside, real)
}
