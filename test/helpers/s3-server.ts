import type { ServerResponse } from 'node:http'
import { type HttpServer, serveHttp } from './http-server.ts'

/** What the server holds: `bucket/key` to content. */
export type Objects = Record<string, string | Uint8Array>

const keysPerPage = 2

/**
 * Something that speaks S3 as far as reading needs it: GetObject, and ListObjectsV2 in small pages. A request that is
 * not signed with Signature Version 4 in the name of `accessKeyId` is refused.
 */
export function startS3(objects: Objects, accessKeyId: string): Promise<HttpServer> {
  return serveHttp((request, url, response) => {
    const signature =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/[\w-]+\/s3\/aws4_request, ?SignedHeaders=\S*host\S*, ?Signature=[0-9a-f]{64}$/
    const [, signer] = signature.exec(request.headers.authorization ?? '') ?? []
    if (signer !== accessKeyId || request.headers['x-amz-date'] === undefined)
      return fail(response, 403, 'AccessDenied')
    const [, bucket = '', key = ''] = /^\/([^/]+)\/?(.*)$/s.exec(decodeURIComponent(url.pathname)) ?? []
    const keys = Object.keys(objects)
      .filter((name) => name.startsWith(`${bucket}/`))
      .map((name) => name.slice(bucket.length + 1))
    if (keys.length === 0) return fail(response, 404, 'NoSuchBucket')
    if (url.searchParams.get('list-type') === '2') return list(response, bucket, keys, url.searchParams)
    const content = objects[`${bucket}/${key}`]
    if (content === undefined) return fail(response, 404, 'NoSuchKey')
    response.writeHead(200, { etag: '"e"', 'content-type': 'binary/octet-stream' }).end(content)
  })
}

function list(response: ServerResponse, bucket: string, keys: string[], query: URLSearchParams): void {
  const wanted = keys.filter((key) => key.startsWith(query.get('prefix') ?? '')).sort()
  const from = Number(query.get('continuation-token') ?? 0)
  const page = wanted.slice(from, from + keysPerPage)
  const more = from + keysPerPage < wanted.length
  const contents = page.map((key) => `<Contents><Key>${escaped(key)}</Key><Size>1</Size></Contents>`)
  const next = more ? `<NextContinuationToken>${from + keysPerPage}</NextContinuationToken>` : ''
  answerXml(
    response,
    200,
    `<ListBucketResult><Name>${bucket}</Name><IsTruncated>${more}</IsTruncated>${contents.join('')}${next}</ListBucketResult>`,
  )
}

function fail(response: ServerResponse, status: number, code: string): void {
  answerXml(response, status, `<Error><Code>${code}</Code><Message>${code}</Message></Error>`)
}

function answerXml(response: ServerResponse, status: number, body: string): void {
  response
    .writeHead(status, { 'content-type': 'application/xml' })
    .end(`<?xml version="1.0" encoding="UTF-8"?>${body}`)
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
