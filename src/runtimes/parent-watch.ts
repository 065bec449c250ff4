// The thread in a sandbox process that kills the process once its parent is gone.
import { workerData } from 'node:worker_threads'

const everyMs = 500

setInterval(() => {
  if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL')
}, everyMs)
