// Errors as MLflow's clients read them: whatever is refused below its prefixes has this form, business or not.

const prefixes = /^\/(?:ajax-)?api\/[23]\.0\/mlflow(?:[/?]|$)/

const codes: Record<number, string> = {
  400: 'INVALID_PARAMETER_VALUE',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'ENDPOINT_NOT_FOUND',
  405: 'ENDPOINT_NOT_FOUND',
  409: 'RESOURCE_CONFLICT',
  429: 'REQUEST_LIMIT_EXCEEDED',
  500: 'INTERNAL_ERROR',
  503: 'TEMPORARILY_UNAVAILABLE',
}

/** Tells whether a request's URL lies where MLflow's client looks for its server. *Pure.* */
export function isMlflowUrl(url: string): boolean {
  return prefixes.test(url)
}

/** An error in MLflow's form; one of our own codes becomes the code of MLflow's that goes with the status. *Pure.* */
export function mlflowErrorBody(status: number, code: string, message: string) {
  return { error_code: /^[A-Z_]+$/.test(code) ? code : (codes[status] ?? 'BAD_REQUEST'), message }
}

/** A caller's text as an error may repeat it: never endless. *Pure.* */
export function shown(value: unknown): string {
  const text = String(value)
  return text.length > 300 ? `${text.slice(0, 300).toWellFormed()}…` : text
}
