import { answerJson, type HttpServer, serveHttp } from './http-server.ts'

/** What a tracking server knows and holds. Paths of artifacts are below its artifact root. */
export type Tracked = {
  artifacts: Record<string, string | Uint8Array>
  /** Logged models: id to name, place and the run that logged it. */
  models?: Record<string, { name: string; artifact_uri: string; source_run_id?: string }>
  /** Runs: id to place, the ids of the models that they logged, and what they were trained on. */
  runs?: Record<string, { artifact_uri: string; models?: string[]; datasets?: Dataset[] }>
}

type Dataset = { name: string; digest: string }

const api = '/api/2.0'

/**
 * An MLflow tracking server as far as finding and reading artifacts needs it. Answers only who shows `authorization`.
 */
export function startTracking(tracked: Tracked, authorization: string): Promise<HttpServer> {
  return serveHttp((request, url, response) => {
    const { models = {}, runs = {} } = tracked
    const missing = (message: string) =>
      answerJson(response, 404, { error_code: 'RESOURCE_DOES_NOT_EXIST', message })
    if (request.headers.authorization !== authorization)
      return answerJson(response, 401, { error_code: 'UNAUTHENTICATED', message: 'who are you?' })
    const route = decodeURIComponent(url.pathname.slice(api.length))
    const [, modelId] = /^\/mlflow\/logged-models\/(.+)$/.exec(route) ?? []
    const model = models[modelId ?? '']
    if (model !== undefined)
      return answerJson(response, 200, { model: { info: { model_id: modelId, ...model } } })
    const run = route === '/mlflow/runs/get' ? runs[url.searchParams.get('run_id') ?? ''] : undefined
    if (run !== undefined) {
      const { models: logged, artifact_uri, datasets } = run
      const outputs = logged && { model_outputs: logged.map((model_id) => ({ model_id, step: 0 })) }
      const inputs = datasets && { dataset_inputs: datasets.map((dataset) => ({ tags: [], dataset })) }
      const said = { info: { artifact_uri }, ...(outputs && { outputs }), ...(inputs && { inputs }) }
      return answerJson(response, 200, { run: said })
    }
    if (route === '/mlflow-artifacts/artifacts')
      return answerJson(response, 200, { files: entriesOf(tracked, url.searchParams.get('path') ?? '') })
    const [, path = ''] = /^\/mlflow-artifacts\/artifacts\/(.+)$/.exec(route) ?? []
    const content = tracked.artifacts[path]
    if (content === undefined) return missing(`${route} does not exist`)
    response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(content)
  })
}

/** What a folder holds, one entry each, with the last part of its path as MLflow answers. */
function entriesOf({ artifacts }: Tracked, folder: string): { path: string; is_dir: boolean }[] {
  const prefix = folder === '' ? '' : `${folder}/`
  const entries = new Map<string, boolean>()
  for (const path of Object.keys(artifacts)) {
    if (!path.startsWith(prefix)) continue
    const [first = '', ...deeper] = path.slice(prefix.length).split('/')
    entries.set(first, deeper.length > 0)
  }
  return [...entries].map(([path, is_dir]) => ({ path, is_dir }))
}
