import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What a test may need beyond npm, and the reason why it is not there; null where it is. */
export type Available = Record<Need, string | null>
export type Need =
  | 'redis'
  | 'redis-server'
  | 'docker'
  | 'chromium'
  | 'mlflow'
  | 'aws-sdk'
  | 'onnxruntime-node'

/**
 * Looks once for everything that tests may need. What `REQUIRE` names (comma separated) must be there, so
 * that a skip is a failure; throws with the command that would bring it.
 */
export async function probe(env: NodeJS.ProcessEnv): Promise<Available> {
  const docker = (await answers('docker', ['info']))
    ? null
    : 'no Docker answers; start it, or install docker.io'
  const ownRedis = await answers('redis-server', ['--version'])
  const installRedis = 'run `apt-get install redis-server`'
  const found: Available = {
    docker,
    redis:
      env.TEST_REDIS_URL !== undefined || ownRedis || docker === null
        ? null
        : `no TEST_REDIS_URL, no Docker and no redis-server on the PATH; ${installRedis}`,
    'redis-server': ownRedis ? null : `no redis-server on the PATH; ${installRedis}`,
    chromium: (await answers('/usr/bin/chromium', ['--version']))
      ? null
      : 'no /usr/bin/chromium; run `apt-get install chromium`',
    mlflow: (await answers(pythonOf(env), ['-c', 'import importlib.util as i; i.find_spec("mlflow").name']))
      ? null
      : `${pythonOf(env)} has no MLflow; set GREENROOM_PYTHON to a Python with \`pip install mlflow\``,
    'aws-sdk': missingPackage('@aws-sdk/client-s3'),
    'onnxruntime-node': missingPackage('onnxruntime-node'),
  }
  for (const need of (env.REQUIRE ?? '').split(',').filter((name) => name in found)) {
    const reason = found[need as Need]
    if (reason !== null) throw new Error(`REQUIRE asks for ${need}, but: ${reason}`)
  }
  for (const [need, reason] of Object.entries(found))
    if (reason !== null) console.warn(`tests that need ${need} are skipped: ${reason}`)
  return found
}

/** The Python that tests run MLflow with. */
export function pythonOf(env: NodeJS.ProcessEnv): string {
  return env.GREENROOM_PYTHON ?? 'python3'
}

function missingPackage(name: string): string | null {
  try {
    createRequire(import.meta.url).resolve(name)
    return null
  } catch {
    return `the package ${name} is not installed; run \`npm install --no-save ${name}\``
  }
}

async function answers(command: string, args: string[]): Promise<boolean> {
  try {
    await run(command, args, { timeout: 10_000 })
    return true
  } catch {
    return false
  }
}
