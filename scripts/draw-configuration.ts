import { configTable } from '../src/config.ts'

/** The README's table of variables, in Markdown. *Pure.* */
export function drawConfiguration(): string {
  const rows = configTable().map(
    ({ name, default: value, meaning }) =>
      `| \`${name}\` | ${value === '' ? '' : codeOrText(value)} | ${meaning} |`,
  )
  return ['| Variable | Default | Meaning |', '| --- | --- | --- |', ...rows].join('\n')
}

// A default in words is a sentence, not a value to copy.
function codeOrText(value: string): string {
  return value.includes(' ') ? value : `\`${value}\``
}
