import { type Command, Option } from 'commander'
import { createToken } from '../client/api.ts'
import { roles } from '../http/roles.ts'
import { jsonOption, parseExpiry, urlOption } from './options.ts'
import type { Shell } from './shell.ts'
import { show, showTime } from './words.ts'

type Options = { name: string; role: string[]; expires?: string }

/** Adds `greenroom token create`. */
export function addToken(program: Command, shell: Shell): void {
  const token = program.command('token').description('make tokens')
  token
    .command('create')
    .description('make a token for a person or a machine; it is printed this once')
    .requiredOption('--name <name>', 'whose token it is; for approvers the name that the policy lists')
    .addOption(roleOption())
    .addOption(new Option('--expires <duration>', 'how long it is good, such as 30d').argParser(parseExpiry))
    .addOption(urlOption())
    .addOption(jsonOption())
    .action(({ name, role, expires }: Options, command: Command) =>
      shell.remote(command, async (to, screen) => {
        const made = await createToken(to, { name, roles: [...new Set(role)], expiresIn: expires })
        const until =
          made.expires_at === null ? 'does not expire' : `is good until ${showTime(made.expires_at)}`
        screen.note(
          `The token of ${show(made.name)} (${made.roles.join(', ')}) ${until}. It is shown this once.`,
        )
        return { done: true, document: made, lines: [made.token] }
      }),
    )
}

function roleOption(): Option {
  return new Option('--role <role...>', 'what it may be used for; several may be given')
    .choices(roles)
    .makeOptionMandatory()
}
