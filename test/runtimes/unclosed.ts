// Loads a model that Python runs, predicts a row, and comes to its end without closing anything.
import { readArtifact } from '../../src/runtimes/artifact.ts'
import { startPyfunc } from '../../src/runtimes/pyfunc.ts'

const [root = '', command = ''] = process.argv.slice(2)
const artifact = await readArtifact('m', [root], { maxBytes: 1_000, keepContent: true })
const model = await startPyfunc(artifact, null, { command, env: process.env })
console.log(`predicted ${(await model.predict([[1, 2]])).values}`)
