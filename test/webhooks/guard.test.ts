import { describe, expect, test } from 'vitest'
import { isPublicAddress } from '../../src/webhooks/addresses.ts'
import { aim, type Outbound, refusalOf, systemResolve } from '../../src/webhooks/guard.ts'

const addresses: Record<string, string[]> = {
  'public.example': ['93.184.215.14', '2606:2800:21f:cb07:6820:80da:af6b:8b2c'],
  'private.example': ['10.0.0.7'],
  'half.example': ['93.184.215.14', '10.0.0.7'],
  localhost: ['127.0.0.1', '::1'],
  'localhost.': ['127.0.0.1', '::1'],
}
const outbound: Outbound = {
  schemes: ['https'],
  allowPrivateAddresses: false,
  resolve: async (hostname) => {
    const found = addresses[hostname]
    if (found === undefined) throw new Error('ENOTFOUND')
    return found
  },
}
const open: Outbound = { ...outbound, allowPrivateAddresses: true }
const never = new AbortController().signal

describe('a webhook may lead to', () => {
  test.each([
    'https://public.example',
    'https://public.example:443/hook?token=1#part',
    'https://public.example:8443/a@b',
    'https://PUBLIC.example/hook',
    'https://93.184.215.14/hook',
    'https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/hook',
  ])('%s', async (url) => {
    expect(await refusalOf(url, outbound)).toBeNull()
  })
})

// R13, case by case; each in every way in which a URL can be written.
const inside = [
  '127.0.0.1',
  '127.1',
  '0x7f.1',
  '2130706433',
  '017700000001',
  '0',
  '①②⑦.⓪.⓪.①',
  '[::1]',
  '[::]',
  '[::ffff:7f00:1]',
  '[::ffff:127.0.0.1]',
  '[::7f00:1]',
  '[64:ff9b::7f00:1]',
  '[64:ff9b:1::a00:1]',
  '[2002:7f00:1::]',
  '[2001:0:7f00:1::]',
  '169.254.169.254',
  '[fd00:ec2::254]',
  '[fe80::1]',
  '[fec0::1]',
  '[ff02::1]',
  '[100::1]',
  '[2001:db8::1]',
  '[3fff::1]',
  '[5f00::1]',
  '10.1.2.3',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '100.64.0.1',
  '192.0.0.8',
  '198.18.0.1',
  '198.19.255.255',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  'localhost',
  'localhost.',
  'private.example',
  'half.example',
]

describe('nobody is led inside by', () => {
  test.each(inside)('https://%s/', async (host) => {
    const refused = await refusalOf(`https://${host}/`, outbound)
    expect(refused).toMatch(/^Webhook URL must not resolve to a non-public IP address\. /)
    expect(await aim(`https://${host}/`, outbound, never)).toMatchObject({
      kind: 'refused',
      error: 'blocked',
    })
  })

  test('and each of them would be let through by a guard that does not look', async () => {
    for (const host of inside) {
      expect(await refusalOf(`https://${host}/`, open)).toBeNull()
      expect((await aim(`https://${host}/`, open, never)).kind).toBe('target')
    }
  })

  test.each([
    ['http:127.0.0.1', "Invalid webhook URL scheme: 'http'. Allowed schemes are: https."],
    ['https:127.0.0.1', "Webhook URL must include a hostname: 'https:127.0.0.1'"],
    ['https://example.com@127.0.0.1', 'Webhook URL must not include a user name or a password.'],
    ['https://u:p@public.example', 'Webhook URL must not include a user name or a password.'],
    ['https://@public.example', 'Webhook URL must not include a user name or a password.'],
    ['ftp://public.example', "Invalid webhook URL scheme: 'ftp'. Allowed schemes are: https."],
    ['file:///etc/passwd', "Invalid webhook URL scheme: 'file'. Allowed schemes are: https."],
    ['javascript:alert(1)', "Invalid webhook URL scheme: 'javascript'. Allowed schemes are: https."],
    ['public.example/hook', "Invalid webhook URL scheme: ''. Allowed schemes are: https."],
    ['', "Webhook URL cannot be empty or just whitespace: ''"],
    ['  ', "Webhook URL cannot be empty or just whitespace: '  '"],
    [' https://public.example', "Invalid webhook URL scheme: ''. Allowed schemes are: https."],
    ['https://public.example/ x', "Invalid webhook URL 'https://public.example/ x'"],
    ['https://public.example/\tx', "Invalid webhook URL 'https://public.example/\tx'"],
    ['https:\\\\public.example', "Invalid webhook URL 'https:\\\\public.example'"],
    ['https://public.example\\@127.0.0.1', "Invalid webhook URL 'https://public.example\\@127.0.0.1'"],
    ['https://', "Invalid webhook URL 'https://'"],
    ['https:///public.example', "Webhook URL must include a hostname: 'https:///public.example'"],
    ['https://[::1', "Invalid webhook URL 'https://[::1'"],
    ['https://public.example:99999', "Invalid webhook URL 'https://public.example:99999'"],
    ['https://public.example:22', 'Webhook URL must not use port 22. Allowed ports are: 443, 8443.'],
    ['https://public.example:80', 'Webhook URL must not use port 80. Allowed ports are: 443, 8443.'],
    ['https://unknown.example', "Cannot resolve webhook URL hostname 'unknown.example'"],
    [
      `https://public.example/${'a'.repeat(2_048)}`,
      'Webhook URL exceeds the maximum length of 2048 characters',
    ],
  ])('%j', async (url, why) => {
    expect(await refusalOf(url, outbound)).toBe(why)
    expect((await aim(url, outbound, never)).kind).toBe('refused')
  })
})

test('http has its own port, where it is allowed', async () => {
  const both: Outbound = { ...outbound, schemes: ['https', 'http'] }
  expect(await refusalOf('http://public.example', both)).toBeNull()
  expect(await refusalOf('http://public.example:443', both)).toMatch(/port 443/)
  expect(await refusalOf('http://127.0.0.1', both)).toMatch(/non-public/)
})

test('where private addresses are allowed any port is, and a receiver need not be up yet', async () => {
  expect(await refusalOf('https://unknown.example:9000', open)).toBeNull()
  expect(await refusalOf('https://u@10.0.0.1', open)).toMatch(/user name/)
  expect(await aim('https://unknown.example:9000', open, never)).toMatchObject({ error: 'unresolvable' })
})

test('a name that resolves to somewhere else each time is looked at each time (rebinding)', async () => {
  const answers = [['93.184.215.14'], ['127.0.0.1']]
  const rebinding: Outbound = { ...outbound, resolve: async () => answers.shift() ?? [] }
  expect(await refusalOf('https://rebinding.example', rebinding)).toBeNull()
  expect(await aim('https://rebinding.example', rebinding, never)).toMatchObject({ error: 'blocked' })
})

test('what is connected to is what was looked at, not the name once more', async () => {
  const aimed = await aim('https://public.example/hook', outbound, never)
  expect(aimed).toMatchObject({ kind: 'target', target: { addresses: addresses['public.example'] } })
})

test('a resolver that does not answer holds nothing up', async () => {
  const silent: Outbound = { ...outbound, resolve: () => new Promise(() => {}) }
  const aimed = await aim('https://public.example', silent, AbortSignal.timeout(50))
  expect(aimed).toMatchObject({ kind: 'refused', error: 'unresolvable' })
})

test('the system’s resolver gives every address of a name, and rejects for one that is none', async () => {
  expect(await systemResolve('localhost')).toContain('127.0.0.1')
  await expect(systemResolve('nowhere.invalid')).rejects.toThrow()
})

test.each([
  ['1.1.1.1', true],
  ['8.8.8.8', true],
  ['172.15.0.1', true],
  ['172.32.0.1', true],
  ['2606:4700::1111', true],
  ['2001:200::1', true],
  ['::ffff:8.8.8.8', false],
  ['fe80::1%eth0', false],
  ['2606:4700::1111%eth0', false],
  ['localhost', false],
  ['', false],
])('%s is an address that anybody has: %s', (address, isPublic) => {
  expect(isPublicAddress(address)).toBe(isPublic)
})
