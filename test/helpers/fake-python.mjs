#!/usr/bin/env node
// Stands in for Python with MLflow: answers as `mlflow models serve` does, and ends when its stdin is closed. What it
// answers to rows is decided by FAKE_PYTHON: `sum`, `text`, `short`, `refuse`, `mismatch`, `crash`, `html`, `die`,
// `missing`, `unloadable`.
import { fork } from 'node:child_process'
import { createServer } from 'node:http'

const behaviour = process.env.FAKE_PYTHON ?? 'sum'
const args = process.argv.slice(2)
const port = Number(args[args.indexOf('-p') + 1])
const leaked = Object.keys(process.env).filter((name) => /^(GREENROOM|MLFLOW_TRACKING|AWS)_/.test(name))
if (leaked.length > 0) end(97, `it was given ${leaked}`)
if (behaviour === 'missing') process.exit(96)
if (behaviour === 'unloadable')
  end(
    1,
    "ModuleNotFoundError: No module named 'lightgbm'\nException: Command '['bash', '-c', 'exec uvicorn']' failed",
  )

const answers = {
  sum: (rows) => ({ predictions: rows.map((row) => row.reduce((sum, cell) => sum + Number(cell), 0)) }),
  pairs: (rows) => ({ predictions: rows.map(([first]) => ({ low: first - 1, high: first + 1 })) }),
  text: (rows) => ({ predictions: rows.map(() => 'yes') }),
  short: () => ({ predictions: [1] }),
}

// In the words of MLflow 3.17.
const refusals = {
  refuse: (body) => ({ error_code: 'BAD_REQUEST', message: `got ${body}` }),
  mismatch: () => ({
    error_code: 'INVALID_PARAMETER_VALUE',
    message:
      "Failed to predict data '   a\n0  1.0'. \nError: Failed to enforce schema of data '   a\n0  1.0' with schema " +
      "'['a': double (required), 'b': double (required)]'. Error: Model is missing inputs ['b'].",
  }),
  crash: () => ({
    error_code: 'BAD_REQUEST',
    message: 'Encountered an unexpected error while evaluating the model.',
    stack_trace:
      'Traceback (most recent call last):\n  File "/lib/sklearn/utils/validation.py", line 2926, in _check_n_features\n' +
      '    raise ValueError(\nValueError: X has 3 features, but Ridge is expecting 2 features as input.\n',
  }),
}

if (behaviour === 'squatted') {
  // Somebody else has taken the port, and this program notices when it wants to listen.
  const other = fork(process.argv[1], args, { env: { ...process.env, FAKE_PYTHON: 'sum' }, silent: true })
  process.on('exit', () => other.kill())
  setTimeout(() => end(1, 'OSError: [Errno 98] address already in use'), 1_500)
  await new Promise(() => {})
}

process.stdin.on('end', () => process.exit()).resume()
createServer(async (request, response) => {
  if (request.url === '/ping') return response.end('\n')
  let body = ''
  for await (const chunk of request) body += chunk
  const { dataframe_split: table, inputs } = JSON.parse(body)
  if (behaviour === 'die') end(1, 'MemoryError: no more')
  if (behaviour === 'html') return response.writeHead(502).end('<html>')
  const refusal = refusals[behaviour]?.(body)
  if (refusal !== undefined) return response.writeHead(400).end(JSON.stringify(refusal))
  response.end(JSON.stringify(answers[behaviour](table?.data ?? inputs)))
}).listen(port, '127.0.0.1', () => {
  process.stderr.write(`INFO:     Uvicorn running on http://127.0.0.1:${port} (Press CTRL+C to quit)\n`)
})

function end(code, words) {
  process.stderr.write(`${words}\n`)
  process.exit(code)
}
