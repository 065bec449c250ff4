import { stripVTControlCharacters, styleText } from 'node:util'
import type { Circumstances } from './machine.ts'
import { type Operation, operations, type RegistryFigures } from './registry.ts'
import type { Spread } from './statistics.ts'
import type { Round } from './throughput.ts'

/** Everything measured on one backend. */
export type Figures = {
  backend: 'Redis' | 'PostgreSQL'
  toStaging: Spread
  toProduction: Spread
  throughput: Round
  /** Of the server process: before the first request, after the last one, and the most it ever was. */
  memoryMb: { atRest: number; afterLoad: number; peak: number }
}

/** A whole run. Without a Redis there are only the figures on PostgreSQL. */
export type Report = {
  circumstances: Circumstances & { redis: string | null }
  figures: Figures[]
  /** Greenroom with few versions and with many, then MLflow when one was there. */
  registry: RegistryFigures[]
}

type Row = {
  label: string
  target: string
  show(figures: Figures): string
  meets?(figures: Figures): boolean
}

const rows: Row[] = [
  {
    label: 'Idle: webhook → Staging, p50',
    target: '≤ 30 ms',
    show: ({ toStaging }) => ms(toStaging.p50),
    meets: ({ toStaging }) => toStaging.p50 <= 30,
  },
  {
    label: 'Idle: webhook → Staging, p99',
    target: '≤ 150 ms',
    show: ({ toStaging }) => ms(toStaging.p99),
    meets: ({ toStaging }) => toStaging.p99 <= 150,
  },
  { label: 'Idle: click → Production, p50', target: '', show: ({ toProduction }) => ms(toProduction.p50) },
  { label: 'Idle: click → Production, p99', target: '', show: ({ toProduction }) => ms(toProduction.p99) },
  {
    label: 'Load: registrations to Staging',
    target: '',
    show: ({ throughput }) => perSecond(throughput.registrationsPerSecond),
  },
  { label: 'Load: webhook’s answer, p50', target: '', show: ({ throughput }) => ms(throughput.answer.p50) },
  { label: 'Load: webhook’s answer, p99', target: '', show: ({ throughput }) => ms(throughput.answer.p99) },
  {
    label: 'Bare PostgreSQL commits, single statements',
    target: '',
    show: ({ throughput }) => perSecond(throughput.bareCommitsPerSecond),
  },
  {
    label: 'Bare PostgreSQL commits, transactions',
    target: '',
    show: ({ throughput }) => perSecond(throughput.bareTransactionsPerSecond),
  },
  {
    label: 'Bare BullMQ jobs',
    target: '',
    show: ({ throughput }) => perSecond(throughput.bareJobsPerSecond),
  },
  {
    label: 'Commits per registration',
    target: '',
    show: ({ throughput }) => throughput.commitsPerRegistration.toFixed(2),
  },
  {
    label: 'Jobs per registration',
    target: '',
    show: ({ throughput }) => throughput.jobsPerRegistration.toFixed(2),
  },
  {
    label: 'Allowed by the bare parts: single statements, transactions',
    target: '',
    show: ({ throughput: { allowed, allowedAsTransactions } }) =>
      `${perSecond(allowed.perSecond)}, ${perSecond(allowedAsTransactions.perSecond)}`,
  },
  {
    label: 'Measured of what single statements allow',
    target: '≥ 40 %',
    show: ({ throughput }) => percent(throughput.allowed.ratio),
    meets: ({ throughput }) => throughput.allowed.ratio >= 0.4,
  },
  {
    label: 'Measured of what transactions allow',
    target: '',
    show: ({ throughput }) => percent(throughput.allowedAsTransactions.ratio),
  },
  {
    label: 'Processor time per registration: server + workers + PostgreSQL + Redis',
    target: '',
    show: ({ throughput: { processor } }) => {
      const parts = [processor.server, processor.workers, processor.postgresql, processor.redis]
      const total = parts.reduce((sum, part) => sum + part, 0)
      return `${ms(total)} (${parts.map((part) => part.toFixed(1)).join(' + ')})`
    },
  },
  { label: 'Server’s memory at rest', target: '', show: ({ memoryMb }) => mb(memoryMb.atRest) },
  { label: 'Server’s memory after load', target: '', show: ({ memoryMb }) => mb(memoryMb.afterLoad) },
  {
    label: 'Server’s memory, most ever',
    target: '≤ 200 MB',
    show: ({ memoryMb }) => mb(memoryMb.peak),
    meets: ({ memoryMb }) => memoryMb.peak <= 200,
  },
]

/** The report for a terminal, in columns; the targets hold for Redis. *Pure* but for asking the terminal for colours. */
export function renderText(report: Report): string {
  const table = [headOf(report), ...rows.map((row) => cellsOf(row, report, true))]
  const widths = headOf(report).map((_, column) => Math.max(...table.map((cells) => lengthOf(cells[column]))))
  const lines = table.map((cells) =>
    cells.map((cell, column) => pad(cell, widths[column] ?? 0, column > 0)).join('  '),
  )
  return [...describeRun(report), '', ...lines, '', renderRegistry(report)].join('\n')
}

/** The report for `docs/performance.md`. *Pure.* */
export function renderMarkdown(report: Report): string {
  const [head = [], ...body] = [headOf(report), ...rows.map((row) => cellsOf(row, report, false))]
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'))
  return [...describeRun(report).map((fact) => `- ${fact}`), '', ...[head, rule, ...body].map(line)].join(
    '\n',
  )
}

const labels: Record<Operation, string> = {
  getVersion: 'Get a version',
  latestByStage: 'Latest by stage',
  searchByTag: 'Search by tag',
  createVersion: 'Create a version',
}

/** The registry's figures as a Markdown table. *Pure.* */
export function renderRegistry({ registry }: Report): string {
  const [small, large, mlflow] = registry
  if (small === undefined || large === undefined) return ''
  const head = ['', ...registry.map(({ name, versions }) => `${name}, ${versions} versions`)]
  const compared = ['many to few', ...(mlflow === undefined ? [] : ['to MLflow', 'to reach'])]
  const body = operations.map((operation) => {
    const [few, many] = [small.paces[operation], large.paces[operation]]
    const cells = registry.map(({ paces }) => {
      const { perSecond: rate, latency } = paces[operation]
      return `${perSecond(rate)} (${ms(latency.p50)}, ${ms(latency.p99)})`
    })
    const slower = `${(few.perSecond / many.perSecond).toFixed(2)} times slower`
    const target = registryTargetOf(operation)
    const beside = mlflow && `${(few.perSecond / mlflow.paces[operation].perSecond).toFixed(0)} times faster`
    return [
      labels[operation],
      ...cells,
      slower,
      ...(beside === undefined ? [] : [beside, `≥ ${target} times`]),
    ]
  })
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  const titles = [...head, ...compared]
  const rule = titles.map((_, column) => (column === 0 ? '---' : '---:'))
  return [titles, rule, ...body].map(line).join('\n')
}

// As many times MLflow's rate.
function registryTargetOf(operation: Operation): number {
  return operation === 'createVersion' ? 10 : 40
}

// With many versions a figure may be this many times as bad as with few.
const mostTimesSlower = 2

/** The targets that the figures on Redis, and those of the registry, miss, each in a line. *Pure.* */
export function missedTargets({ figures, registry }: Report): string[] {
  const redis = figures.find(({ backend }) => backend === 'Redis')
  const missed =
    redis === undefined
      ? []
      : rows
          .filter(({ meets }) => meets?.(redis) === false)
          .map(({ label, target, show }) => `${label}: ${show(redis)}, not ${target}`)
  return [...missed, ...operations.flatMap((operation) => missedByRegistry(registry, operation))]
}

function missedByRegistry(registry: RegistryFigures[], operation: Operation): string[] {
  const [few = 0, many, mlflow] = registry.map(({ paces }) => paces[operation].perSecond)
  const target = registryTargetOf(operation)
  const missed: string[] = []
  if (mlflow !== undefined && few < target * mlflow)
    missed.push(`${(few / mlflow).toFixed(0)} times MLflow’s, not ≥ ${target} times`)
  if (many !== undefined && few > mostTimesSlower * many)
    missed.push(`${(few / many).toFixed(2)} times slower with many versions, not ≤ ${mostTimesSlower}`)
  return missed.map((what) => `${labels[operation]}: ${what}`)
}

function describeRun({ circumstances, figures }: Report): string[] {
  const { date, cpu, cores, memoryGb, load, node, nodeOptions, postgresql, redis, bullmq } = circumstances
  const versions = [
    `Node ${node}${nodeOptions && ` with ${nodeOptions}`}`,
    `PostgreSQL ${postgresql}`,
    ...(redis ? [`Redis ${redis}`] : []),
    `BullMQ ${bullmq}`,
  ]
  const samples = figures.map(({ backend, toStaging, toProduction, throughput }) => {
    const counts = [toStaging, toProduction, throughput.answer].map((spread) => spread.samples)
    return `${backend}: ${counts[0]} webhooks and ${counts[1]} clicks one at a time, ${counts[2]} webhooks under load`
  })
  return [
    `${date}, ${cpu}, ${cores} cores, ${memoryGb} GB; load average ${load.toFixed(1)} before the run`,
    versions.join(', '),
    ...samples,
  ]
}

function headOf({ figures }: Report): string[] {
  return ['', ...figures.map(({ backend }) => backend), 'to reach on Redis']
}

function cellsOf(row: Row, { figures }: Report, isForTerminal: boolean): string[] {
  const shown = figures.map((one) => {
    const text = row.show(one)
    if (!isForTerminal || one.backend !== 'Redis' || row.meets === undefined) return text
    return styleText(row.meets(one) ? 'green' : 'red', text)
  })
  return [row.label, ...shown, row.target]
}

function lengthOf(cell = ''): number {
  return stripVTControlCharacters(cell).length
}

function pad(cell: string, width: number, isRight: boolean): string {
  const space = ' '.repeat(width - lengthOf(cell))
  return isRight ? space + cell : cell + space
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

function perSecond(value: number): string {
  return `${Math.round(value)}/s`
}

function mb(value: number): string {
  return `${Math.round(value)} MB`
}
