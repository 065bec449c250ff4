// Loads a version and predicts one row with it, says so, and then does nothing for ever: somebody kills it.
import { loadModel } from '../../src/client/index.ts'

const [url = '', token = '', name = '', row = ''] = process.argv.slice(2)
const model = await loadModel(name, { version: 1 }, { url, token })
console.log(`predicted ${await model.predict([JSON.parse(row)])}`)
setInterval(() => {}, 1_000)
