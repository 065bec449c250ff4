// The program of a sandbox process: gets ready, takes one task, answers it. Whoever started it ends it.
import { Worker } from 'node:worker_threads'
import type { ModelTask } from './model-task.ts'
import { loadModel } from './onnx.ts'
import { performTask } from './predict.ts'

// One node, Identity, from floats to floats: loading it compiles ONNX Runtime's WebAssembly.
const smallestModel = Buffer.from(
  'CAg6OQoQCgF4EgF5IghJZGVudGl0eRIBbVoQCgF4EgsKCQgBEgUKAxIBbmIQCgF5EgsKCQgBEgUKAxIBbkIECgAQEQ==',
  'base64',
)

process.on('disconnect', () => process.exit())
if (!process.connected) process.exit()
watchParent()
await loadModel({ model: smallestModel, beside: [], features: null })
process.once('message', async (task: ModelTask) => {
  process.send?.(await performTask(task))
})
process.send?.('ready')

/** A model at work blocks this thread and with it `disconnect`; another thread notices that the parent is gone. */
function watchParent(): void {
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  const watch = new Worker(new URL(`./parent-watch${extension}`, import.meta.url), {
    workerData: process.ppid,
  })
  watch.unref()
}
