import { describe, expect, test } from 'vitest'
import { locate } from '../../src/artifacts/fetch.ts'
import { placesBelow } from '../../src/artifacts/settings.ts'
import { anywhere, patient } from './fetched.ts'

const places = placesBelow(['https://Models.example.com:443/prod', 's3://models/prod/'], null)
const located = (source: string, from = places) => locate(source, from, patient())

describe('a source', () => {
  test.each(['/models/m.onnx', 'm.onnx', 'file:///models/m.onnx', 'gs://bucket/m', 'C:/m.onnx'])(
    '%s is left to those who read this machine',
    async (source) => {
      expect(await located(source)).toEqual({ kind: 'local', source })
    },
  )

  test.each([
    ['https://models.example.com/prod/m.onnx', 'https://models.example.com/prod/m.onnx'],
    ['HTTPS://MODELS.example.com:443/prod/m.onnx', 'https://models.example.com/prod/m.onnx'],
    ['https:models.example.com/prod/m.onnx', 'https://models.example.com/prod/m.onnx'],
    ['https://models.example.com/prod/./m.onnx?key=1', 'https://models.example.com/prod/m.onnx?key=1'],
    ['S3://models/prod/a b', 's3://models/prod/a b'],
    ['mlflow-artifacts:/1/m', 'mlflow-artifacts:/1/m'],
  ])('%s below a permitted address is fetched from %s', async (source, uri) => {
    expect(await located(source)).toEqual({ kind: 'remote', uri })
  })

  test.each([
    'https://models.example.com/production/m.onnx',
    'https://models.example.com/prod',
    'https://models.example.com.evil.example/prod/m.onnx',
    'http://models.example.com/prod/m.onnx',
    'https://models.example.com:8443/prod/m.onnx',
    'http://169.254.169.254/latest/meta-data/',
    'http://127.1/',
    's3://models/production/m',
    's3://models-of-others/prod/m',
  ])('%s is refused: it is not below a permitted address', async (source) => {
    await expect(located(source)).rejects.toMatchObject({ name: 'UnsupportedSourceError' })
    await expect(located(source)).rejects.toThrow('not among the places that models may be read from')
  })

  test.each([
    ['https://models.example.com/prod/../secret', '".." as a part'],
    ['https://models.example.com/prod/%2e%2e/secret', '".." as a part'],
    ['s3://models/prod/%252e%252e/secret', '".." as a part'],
    ['s3://models/prod\\..\\secret', '".." as a part|a backslash'],
    ['mlflow-artifacts:/a/..%2f..%2fb', '".." as a part'],
    ['https://models.example.com@evil.example/prod/m', 'must not hold a user'],
    ['https://u:p@models.example.com/prod/m', 'must not hold a user'],
    ['runs:/abc/../x', '".." as a part'],
    ['https://', 'is not a URL'],
    ['', 'is empty'],
  ])('%s is refused: it leads elsewhere than it seems (R15)', async (source, what) => {
    await expect(located(source, anywhere)).rejects.toThrow(new RegExp(what))
    await expect(located(source, anywhere)).rejects.toMatchObject({ name: 'UnreadableSourceError' })
  })

  test.each(['models:/m-123', 'runs:/abc/model'])(
    '%s needs a tracking server, and without one says which variable names it',
    async (source) => {
      await expect(located(source)).rejects.toThrow('set MLFLOW_TRACKING_URI to its http: or https: address')
    },
  )
})
