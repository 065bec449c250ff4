import { answerJson, type HttpServer, serveHttp } from './http-server.ts'

const aliasRoute = '/api/2.0/mlflow/registered-models/alias'

/**
 * A server that knows aliases as MLflow's REST does (`model` to alias to version), and passes everything else on to the
 * Greenroom server behind it.
 */
export function startAliases(
  behind: string,
  aliases: Record<string, Record<string, number>>,
): Promise<HttpServer> {
  return serveHttp(async (request, url, response) => {
    if (url.pathname !== aliasRoute) {
      const headers = { authorization: request.headers.authorization ?? '' }
      const answer = await fetch(`${behind}${request.url}`, { headers })
      return answerJson(response, answer.status, await answer.json())
    }
    const [name = '', alias = ''] = ['name', 'alias'].map((key) => url.searchParams.get(key) ?? '')
    const refuse = (status: number, error_code: string, message: string) =>
      answerJson(response, status, { error_code, message })
    const known = aliases[name]
    if (known === undefined)
      return refuse(404, 'RESOURCE_DOES_NOT_EXIST', `Registered Model with name=${name} not found`)
    const version = known[alias]
    if (version === undefined)
      return refuse(400, 'INVALID_PARAMETER_VALUE', `Registered model alias ${alias} not found.`)
    answerJson(response, 200, { model_version: { name, version: String(version), current_stage: 'None' } })
  })
}
