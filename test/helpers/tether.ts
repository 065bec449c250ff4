// Preloaded into a test's child processes: a child whose test process is gone, however it went, goes too.
const parent = process.ppid
const everyMs = 500

setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL')
}, everyMs).unref()
