import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { addApprovals } from './approvals.ts'
import { addApprove } from './approve.ts'
import { addArchive } from './archive.ts'
import { addDecline } from './decline.ts'
import { addHistory } from './history.ts'
import { addInfo } from './info.ts'
import { addMigrate } from './migrate.ts'
import { addModels } from './models.ts'
import { jsonOption, urlOption } from './options.ts'
import { addPolicy } from './policy.ts'
import { addPredict } from './predict.ts'
import { addPromote } from './promote.ts'
import { addRegister } from './register.ts'
import { addServe } from './serve.ts'
import { makeShell, type Shell } from './shell.ts'
import { addToken } from './token.ts'
import { addValidate } from './validate.ts'
import { addWork } from './work.ts'

/** Runs one command line. Resolves to its exit code: 0 done, 1 refused or failed, 2 not understood. */
export async function runCli(args: string[]): Promise<number> {
  const shell = makeShell()
  try {
    await buildProgram(shell).parseAsync(args, { from: 'user' })
    return shell.exitCode()
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? 0 : 2
  }
}

function buildProgram(shell: Shell): Command {
  const program = new Command('greenroom')
    .description('A model registry with a promotion workflow.')
    .version(readVersion(), '-V, --version', 'print the version of greenroom')
    .addOption(urlOption())
    .addOption(jsonOption())
    // So that `info --version 3` asks for a model's version, not for this program's.
    .enablePositionalOptions()
    .showHelpAfterError('(--help tells more)')
    .exitOverride()
    .addHelpText('after', environmentHelp)
  program.commandsGroup('Models:')
  const adders = [
    addModels,
    addInfo,
    addRegister,
    addValidate,
    addPromote,
    addArchive,
    addHistory,
    addPredict,
  ]
  for (const add of adders) add(program, shell)
  program.commandsGroup('Approval:')
  for (const add of [addApprovals, addApprove, addDecline]) add(program, shell)
  program.commandsGroup('Server:')
  for (const add of [addServe, addWork, addMigrate, addToken, addPolicy]) add(program, shell)
  return program.helpCommand('help [command]', 'tell more about a command')
}

const environmentHelp = `
Environment:
  GREENROOM_URL    where the server is (http://127.0.0.1:4100)
  GREENROOM_TOKEN  the token to call it with; unset, a server on this machine is called
                   with the one in <GREENROOM_HOME>/admin-token
  GREENROOM_USER   who to be at a server without sign-in (your user name)
  GREENROOM_PYTHON Python with MLflow, to predict with models that are not ONNX (python3)
  NO_COLOR         no colours`

function readVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return String((JSON.parse(manifest) as { version: unknown }).version)
}
