// Where deliveries may go (R13). Whoever may make a webhook must not reach what only this machine can reach.
//
// Invariants:
//   G1. A name is resolved once per attempt; all of its addresses must be public, and it is they that are connected to.
//   G2. What was allowed when a webhook was made is looked at again before every attempt.
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { isPublicAddress } from './addresses.ts'

/** What an operator allows. Private addresses are for development: with them every port is allowed too. */
export type OutboundRules = { schemes: readonly Scheme[]; allowPrivateAddresses: boolean }
export const schemes = ['https', 'http'] as const
type Scheme = (typeof schemes)[number]

/** All addresses of a host name. Rejects when it has none. */
export type Resolve = (hostname: string) => Promise<string[]>

/** What may be reached, and how names become addresses. */
export type Outbound = OutboundRules & { resolve: Resolve }

/** A place that may be delivered to: a URL, and the addresses that were looked at (G1). */
export type Target = { url: URL; hostname: string; addresses: string[] }

/** Why not, in a word for the log of deliveries and in a sentence for whoever made the webhook. */
export type Refused = { kind: 'refused'; error: 'blocked' | 'unresolvable'; why: string }

const ports: Record<Scheme, readonly string[]> = { https: ['443', '8443'], http: ['80'] }
const defaultPorts: Record<Scheme, string> = { https: '443', http: '80' }
const longestUrl = 2_048
const resolveMs = 5_000

/** The system's own resolver: what any other program here would connect to. */
export const systemResolve: Resolve = async (hostname) => {
  const found = await lookup(hostname, { all: true })
  return found.map(({ address }) => address)
}

/** Why a webhook may not have this URL, in MLflow's words where it has them; null when it may. */
export async function refusalOf(text: string, outbound: Outbound): Promise<string | null> {
  const read = readUrl(text, outbound)
  if (read.kind === 'refused') return read.why
  // As in MLflow: where private addresses are allowed, a receiver need not be up yet.
  if (outbound.allowPrivateAddresses) return null
  const located = await locate(read.url, outbound, AbortSignal.timeout(resolveMs))
  return located.kind === 'refused' ? located.why : null
}

/** Where an attempt at a URL goes, or why it may not be made (G1, G2); decided when `late` fires at the latest. *Never rejects.* */
export async function aim(
  text: string,
  outbound: Outbound,
  late: AbortSignal,
): Promise<{ kind: 'target'; target: Target } | Refused> {
  const read = readUrl(text, outbound)
  return read.kind === 'refused' ? read : locate(read.url, outbound, late)
}

// A URL is taken as it is written or not at all: a parser that tidies it up would hide what is meant.
function readUrl(text: string, rules: OutboundRules): { kind: 'url'; url: URL } | Refused {
  if (text.trim() === '') return refuse(`Webhook URL cannot be empty or just whitespace: '${text}'`)
  if (text.length > longestUrl)
    return refuse(`Webhook URL exceeds the maximum length of ${longestUrl} characters`)
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase() ?? ''
  const allowed = rules.schemes.find((one) => one === scheme)
  if (allowed === undefined)
    return refuse(
      `Invalid webhook URL scheme: '${scheme}'. Allowed schemes are: ${rules.schemes.join(', ')}.`,
    )
  if (/[\s\\]|\p{Cc}/u.test(text) || !URL.canParse(text)) return refuse(`Invalid webhook URL '${text}'`)
  const authority = /^[^:]+:\/\/([^/?#]*)/.exec(text)?.[1] ?? ''
  if (authority === '') return refuse(`Webhook URL must include a hostname: '${text}'`)
  if (authority.includes('@')) return refuse('Webhook URL must not include a user name or a password.')
  const url = new URL(text)
  const port = url.port || defaultPorts[allowed]
  if (!rules.allowPrivateAddresses && !ports[allowed].includes(port))
    return refuse(`Webhook URL must not use port ${port}. Allowed ports are: ${ports[allowed].join(', ')}.`)
  return { kind: 'url', url }
}

async function locate(
  url: URL,
  outbound: Outbound,
  late: AbortSignal,
): Promise<{ kind: 'target'; target: Target } | Refused> {
  const hostname = url.hostname.replace(/^\[|\]$/g, '')
  const addresses = isIP(hostname) === 0 ? await addressesOf(hostname, outbound, late) : [hostname]
  if (addresses.length === 0)
    return refuse(`Cannot resolve webhook URL hostname '${hostname}'`, 'unresolvable')
  if (!outbound.allowPrivateAddresses && !addresses.every(isPublicAddress))
    // Not which address: that would tell what this machine's resolver knows.
    return refuse(`Webhook URL must not resolve to a non-public IP address. '${hostname}' resolves to one.`)
  return { kind: 'target', target: { url, hostname, addresses } }
}

async function addressesOf(hostname: string, { resolve }: Outbound, late: AbortSignal): Promise<string[]> {
  if (late.aborted) return []
  const given = Promise.withResolvers<string[]>()
  late.addEventListener('abort', () => given.resolve([]), { once: true })
  resolve(hostname).then(given.resolve, () => given.resolve([]))
  return given.promise
}

function refuse(why: string, error: Refused['error'] = 'blocked'): Refused {
  return { kind: 'refused', error, why }
}
