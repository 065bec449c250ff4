import { describe, expect, test } from 'vitest'
import { type Inline, readMrkdwn, readPlain } from '../../../src/sandbox/page/mrkdwn.ts'

const names = {
  user: (id: string) => (id === 'U1' ? 'Ada' : null),
  channel: (id: string) => (id === 'C1' ? 'general' : null),
}
const show = (text: string) =>
  readMrkdwn(text, names).map(({ kind, inlines }) => [kind, inlines.map(brief).join('')])
const brief = (inline: Inline) => {
  if (inline.kind === 'mention') return `[${inline.notifies ? '!' : ''}${inline.label}]`
  if (inline.kind === 'moment') return `(${inline.seconds} ${inline.format} ${inline.fallback})`
  const styles = inline.styles.join('+')
  const text = inline.kind === 'link' ? `${inline.label}->${inline.url}` : inline.text
  return styles || inline.kind === 'link' ? `{${styles}|${text}}` : text
}

describe('what Slack would act on shows as such', () => {
  test.each([
    ['<!channel>', '[!@channel]'],
    ['<!here|here>', '[!@here]'],
    ['<@U1> <@U2>', '[!@Ada] [!@U2]'],
    ['<#C1|general>', '[#general]'],
    ['<!subteam^S1|@ml>', '[!@ml]'],
    ['<!date^1700000000^{date} at {time}|soon>', '(1700000000 {date} at {time} soon)'],
    ['<https://evil.example|Approve>', '{|Approve->https://evil.example}'],
    [
      'see https://example.com/a?b=1&amp;c=2.',
      'see {|https://example.com/a?b=1&c=2->https://example.com/a?b=1&c=2}.',
    ],
    ['*bold* _it_ ~no~ `code`', '{bold|bold} {italic|it} {strike|no} {code|code}'],
    ['*bold _both_*', '{bold|bold }{bold+italic|both}'],
    ['`<!channel>`', '[!@channel]'],
  ])('%s', (text, shown) => {
    expect(show(text)).toEqual([['paragraph', shown]])
  })
})

describe('what Slack would leave alone shows literally', () => {
  test.each([
    ['&lt;!channel&gt; &lt;@U1&gt;', '<!channel> <@U1>'],
    ['&lt;https://evil.example|Approve&gt;', '<{|https://evil.example->https://evil.example}|Approve>'],
    ['<javascript:alert(1)|x>', '<javascript:alert(1)|x>'],
    ['a<b and c>d', 'a<b and c>d'],
    ['snake_case_name 2*3*4 a~b~c', 'snake_case_name 2*3*4 a~b~c'],
    ['* not a list *', '* not a list *'],
    ['&amp;lt;', '&lt;'],
    ['```unclosed', '```unclosed'],
  ])('%s', (text, shown) => {
    expect(show(text)).toEqual([['paragraph', shown]])
  })

  test('verbatim text keeps its addresses unlinked', () => {
    expect(readMrkdwn('https://example.com', names, true)).toEqual([
      { kind: 'paragraph', inlines: [{ kind: 'text', text: 'https://example.com', styles: [] }] },
    ])
  })

  test('plain text keeps everything but entities and emoji', () => {
    expect(readPlain('*a* <!channel> &lt;b&gt; :x: :no_such:')).toBe('*a* <!channel> <b> ❌ :no_such:')
  })
})

test('quotes and code blocks are paragraphs of their own', () => {
  expect(show('one\n> two\n&gt; three\n```\nfour *five*\n```\nsix')).toEqual([
    ['paragraph', 'one'],
    ['quote', 'two\nthree'],
    ['preformatted', '{code|four *five*}'],
    ['paragraph', 'six'],
  ])
})

test('40,000 characters made of openings are read in well under a second', () => {
  for (const opening of ['*a', '_', '<', '`', '~x ', 'https://']) {
    const startedAt = performance.now()
    readMrkdwn(opening.repeat(40_000 / opening.length), names)
    expect(performance.now() - startedAt, opening).toBeLessThan(1000)
  }
})
