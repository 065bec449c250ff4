// Objects in S3, or in what speaks its protocol. Where it is and who we are, the AWS SDK finds out by itself: from
// AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and the other places it knows.
import { z } from 'zod'
import { OperatorError } from '../errors.ts'
import { importOptional, isNotInstalled } from '../optional.ts'
import { UnreadableSourceError } from '../runtimes/source.ts'
import {
  folderOf,
  isPassing,
  type Places,
  type RemoteArtifact,
  type RemoteFile,
  reasonOf,
  UnavailableSourceError,
} from './remote.ts'

const sdkName = '@aws-sdk/client-s3'

/** What is used of the AWS SDK, which may not be installed. */
type Sdk = {
  S3Client: new (settings: object) => S3Client
  ListObjectsV2Command: new (input: object) => object
  GetObjectCommand: new (input: object) => object
}

type S3Client = {
  config: { region(): Promise<string> }
  send(command: object, options: { abortSignal: AbortSignal }): Promise<unknown>
  destroy(): void
}

/** One bucket; both fail as {@link Place} does. */
type Bucket = {
  list(prefix: string, token: string | undefined): Promise<z.infer<typeof listing>>
  get(key: string): Promise<AsyncIterable<Uint8Array>>
}

const listing = z.object({
  Contents: z.array(z.object({ Key: z.string() })).default([]),
  NextContinuationToken: z.string().optional(),
})
const object = z.object({
  Body: z.custom<AsyncIterable<Uint8Array>>((body) => Symbol.asyncIterator in Object(body)),
})

/** The object of this key, or the folder of all objects whose keys go on from it with a slash. */
export async function openS3(uri: string, _: Places, signal: AbortSignal): Promise<RemoteArtifact> {
  const [, name = '', key = ''] = /^s3:\/\/([^/?#]+)\/([^?#]+)$/i.exec(uri) ?? []
  if (key === '') throw new UnreadableSourceError(`the source ${uri} is not of the form s3://bucket/key`)
  const bucket = await openBucket(name, signal)
  const content = key.endsWith('/') ? null : await bucket.get(key).catch(unlessMissing)
  if (content !== null) return { kind: 'file', read: async () => content }
  const listed = await folderOf(listFiles(bucket, key.replace(/\/*$/, '/')))
  if (listed !== null) return listed
  throw new UnreadableSourceError(`there is nothing at ${uri}`)
}

function unlessMissing(error: unknown): null {
  if (error instanceof UnreadableSourceError) return null
  throw error
}

async function* listFiles(bucket: Bucket, folder: string): AsyncGenerator<RemoteFile, void> {
  for (let token: string | undefined; ; ) {
    const page = await bucket.list(folder, token)
    for (const { Key: key } of page.Contents) {
      // A key that ends with a slash stands for a folder that somebody made in a browser.
      if (!key.endsWith('/')) yield { path: key.slice(folder.length), read: () => bucket.get(key) }
    }
    token = page.NextContinuationToken
    if (token === undefined) return
  }
}

async function openBucket(name: string, signal: AbortSignal): Promise<Bucket> {
  const sdk = await importSdk()
  const client = await makeClient(sdk)
  if (signal.aborted) client.destroy()
  else signal.addEventListener('abort', () => client.destroy(), { once: true })
  const send = async (command: object, key: string): Promise<unknown> => {
    try {
      return await client.send(command, { abortSignal: signal })
    } catch (error) {
      signal.throwIfAborted()
      throw explain(error, `s3://${name}/${key}`)
    }
  }
  return {
    list: async (prefix, token) => {
      const input = { Bucket: name, Prefix: prefix, ContinuationToken: token }
      return listing.parse(await send(new sdk.ListObjectsV2Command(input), prefix))
    },
    get: async (key) => {
      return object.parse(await send(new sdk.GetObjectCommand({ Bucket: name, Key: key }), key)).Body
    },
  }
}

// Amazon takes the bucket in the path as in the host's name; what is not Amazon's seldom has the names.
const settings = { forcePathStyle: true, followRegionRedirects: true }
// Where nobody named a region; what is not Amazon's does not care, and Amazon says where the bucket is.
const anyRegion = 'us-east-1'

async function makeClient({ S3Client }: Sdk): Promise<S3Client> {
  const client = new S3Client(settings)
  const isPlaced = await client.config.region().then(Boolean, () => false)
  if (isPlaced) return client
  client.destroy()
  return new S3Client({ ...settings, region: anyRegion })
}

async function importSdk(): Promise<Sdk> {
  try {
    return (await importOptional(sdkName)) as Sdk
  } catch (error) {
    if (!isNotInstalled(error, sdkName)) throw error
    throw new OperatorError(`Reading from S3 needs the package ${sdkName}; run \`npm install ${sdkName}\`.`)
  }
}

function explain(error: unknown, named: string): Error {
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode
  const name = error instanceof Error ? error.name : ''
  if (status === 404) return new UnreadableSourceError(`there is nothing at ${named} (${name})`)
  const why = name === 'Error' || name === '' ? reasonOf(error) : `${name}: ${reasonOf(error)}`
  const mayPass = status === undefined ? name !== 'CredentialsProviderError' : isPassing(status)
  return new UnavailableSourceError(`${named} cannot be read: ${why}`, mayPass)
}
