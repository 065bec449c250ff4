// Loaded into a program that run.mjs starts: ends it in good order when run.mjs has died, which closes the pipe.
import { Socket } from 'node:net'

const fd = process.env.GREENROOM_LEASH
delete process.env.GREENROOM_LEASH // not for the program's own children, which inherit this preload but no pipe
if (fd !== undefined) {
  const pipe = new Socket({ fd: Number(fd), readable: true, writable: false })
  pipe.on('error', () => {})
  pipe.once('close', () => process.kill(process.pid, 'SIGTERM'))
  pipe.resume()
  pipe.unref()
}
