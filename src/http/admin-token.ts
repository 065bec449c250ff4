import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Kysely } from 'kysely'
import type { Config } from '../config.ts'
import { OperatorError } from '../errors.ts'
import type { Database } from '../store/database.ts'
import {
  findToken,
  hasAdminToken,
  insertToken,
  lockTokens,
  type NewToken,
  revokeOthersBy,
} from '../store/tokens.ts'
import { inTransaction } from '../store/transaction.ts'
import { hashSecret, makeToken, minForeignTokenLength, tokenIdOf } from './token-text.ts'

/** How the operator can get in. */
export type AdminToken =
  /** Without any. */
  | { kind: 'notNeeded' }
  /** With the token of the configuration. */
  | { kind: 'configured' }
  /** Not with the token of the configuration, which was revoked. */
  | { kind: 'revoked' }
  /** With a token that was there before. */
  | { kind: 'present' }
  /** With the token that was just written to this file. */
  | { kind: 'written'; path: string }

// Who has made a token, where nobody asked for it by a call. No caller's name has a colon.
const [byConfiguration, byStart] = ['greenroom:configuration', 'greenroom']

/**
 * Makes sure that somebody can act as an admin: with the configured token where there is one, else, when no good
 * admin token is left, with a new one in `<home>/admin-token`, readable by its owner only. A configured token that is
 * new takes the place of the one that was configured before, which is revoked. *Idempotent.*
 */
export async function ensureAdminToken(
  db: Kysely<Database>,
  config: Pick<Config, 'adminToken' | 'auth' | 'home'>,
  deps: { now: () => Date },
): Promise<AdminToken> {
  if (config.auth === 'off') return { kind: 'notNeeded' }
  const now = deps.now()
  return inTransaction(db, async (trx): Promise<AdminToken> => {
    await lockTokens(trx)
    if (config.adminToken !== null) {
      const id = tokenIdOf(config.adminToken)
      if (id === null)
        throw new OperatorError(
          `GREENROOM_ADMIN_TOKEN must be ${minForeignTokenLength} to 512 characters; make one with \`openssl rand -hex 32\`.`,
        )
      const isNew = await insertToken(trx, adminToken(id, config.adminToken, byConfiguration, now))
      if (isNew) await revokeOthersBy(trx, byConfiguration, id, now)
      return { kind: (await findToken(trx, id))?.revoked_at === null ? 'configured' : 'revoked' }
    }
    if (await hasAdminToken(trx, now)) return { kind: 'present' }
    const { id, token } = makeToken()
    // Written before it is committed: a file with a useless token is replaced at the next start, while a token
    // that nobody knows would lock everybody out.
    const path = await writeSecret(config.home, token)
    await insertToken(trx, adminToken(id, token, byStart, now))
    return { kind: 'written', path }
  })
}

function adminToken(id: string, token: string, createdBy: string, now: Date): NewToken {
  return {
    id,
    secretHash: hashSecret(token),
    principal: 'admin',
    roles: ['admin'],
    createdBy,
    createdAt: now,
    expiresAt: null,
  }
}

async function writeSecret(home: string, token: string): Promise<string> {
  const path = join(home, 'admin-token')
  try {
    await mkdir(home, { recursive: true })
    // A file that was there would keep its rights.
    await rm(path, { force: true })
    await writeFile(path, `${token}\n`, { mode: 0o600, flag: 'wx' })
    return path
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new OperatorError(
      `The first admin token cannot be written: ${reason}. Set GREENROOM_HOME to a directory you may write.`,
      { cause },
    )
  }
}
