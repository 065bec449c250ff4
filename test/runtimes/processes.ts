import { readdir, readFile, readlink } from 'node:fs/promises'

/** The process ids of the sandboxes that a process has started, by default this one. */
export async function sandboxesOf(parent = process.pid): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(pids.map(async (pid) => ((await isSandboxOf(pid, parent)) ? [pid] : [])))
  return found.flat()
}

/** The environment of a process, one `name=value` each. */
export async function environmentOf(pid: number): Promise<string[]> {
  return (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0').filter((entry) => entry !== '')
}

/** The ids of all processes with this variable, given as `name=value`, in their environment. */
export async function processesWith(variable: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const has = async (pid: number) => (await environmentOf(pid).catch((): string[] => [])).includes(variable)
  const found = await Promise.all(pids.map(async (pid) => ((await has(pid)) ? [pid] : [])))
  return found.flat()
}

/** What the open files of a process are. */
export async function filesOf(pid: number): Promise<string[]> {
  const descriptors = await readdir(`/proc/${pid}/fd`)
  return Promise.all(descriptors.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')))
}

/** Tells whether a process is there and not just waiting to be reaped. */
export async function isAlive(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return status !== '' && !/^State:\s*[ZX]/m.test(status)
}

async function isSandboxOf(pid: number, parent: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return status.includes(`\nPPid:\t${parent}\n`) && command.includes('sandbox-child')
}
