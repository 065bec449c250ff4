// Which ONNX Runtime computes. They have one interface, and give the same answers.
import * as web from 'onnxruntime-web'
import { importOptional } from '../optional.ts'

/** An ONNX Runtime: its package, what of it is used, and the name of its provider for the processor. */
export type Engine = {
  name: 'onnxruntime-web' | 'onnxruntime-node'
  runtime: Pick<typeof web, 'InferenceSession' | 'Tensor' | 'env'>
  provider: 'wasm' | 'cpu'
}

/** WebAssembly, which is everywhere, also where no native code may be loaded. */
export const webAssembly: Engine = { name: 'onnxruntime-web', runtime: web, provider: 'wasm' }

/**
 * The native runtime where its package is installed and loads on this machine, else WebAssembly. *Never rejects.*
 */
export async function pickEngine(load: (name: string) => Promise<unknown> = importOptional): Promise<Engine> {
  try {
    const runtime = (await load('onnxruntime-node')) as Engine['runtime']
    return { name: 'onnxruntime-node', runtime, provider: 'cpu' }
  } catch {
    return webAssembly
  }
}
