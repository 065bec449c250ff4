import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Role } from '../../../src/http/roles.ts'
import { routesOf } from '../routes.ts'
import { openRegistry, type Registry } from './registry.ts'

let registry: Registry
beforeAll(async () => {
  registry = await openRegistry()
})
afterAll(() => registry.close())

const readers: Role[] = ['viewer', 'registrar', 'approver', 'admin']
const makers: Role[] = ['registrar', 'admin']
const movers: Role[] = ['registrar', 'approver', 'admin']
const deciders: Role[] = ['approver', 'admin']

const allowed: Record<string, Role[]> = {
  'GET /model-versions/get': readers,
  'GET /model-versions/get-download-uri': readers,
  'GET /model-versions/search': readers,
  'GET /registered-models/alias': readers,
  'GET /registered-models/get': readers,
  'GET /registered-models/get-latest-versions': readers,
  'GET /registered-models/search': readers,
  'POST /registered-models/get-latest-versions': readers,
  'PATCH /model-versions/update': makers,
  'PATCH /registered-models/update': makers,
  'POST /model-versions/create': makers,
  'POST /registered-models/create': makers,
  'POST /model-versions/set-tag': makers,
  'DELETE /model-versions/delete-tag': makers,
  'POST /registered-models/set-tag': makers,
  'DELETE /registered-models/delete-tag': makers,
  'POST /registered-models/alias': movers,
  'DELETE /registered-models/alias': movers,
  'POST /model-versions/transition-stage': movers,
  'DELETE /model-versions/delete': deciders,
  'DELETE /registered-models/delete': deciders,
  'POST /registered-models/rename': deciders,
}

describe('who may call what', () => {
  test('is written down here for every endpoint, under both prefixes', () => {
    const there = routesOf(registry.app).flatMap(({ method, path }) => {
      const [, below] = /^\/(?:ajax-)?api\/2\.0\/mlflow(\/.*)/.exec(path) ?? []
      return below === undefined || method === 'HEAD' ? [] : [`${method} ${below}`]
    })
    const named = there.filter((name) => !name.includes('/webhooks'))
    expect(named.sort()).toEqual([...Object.keys(allowed), ...Object.keys(allowed)].sort())
  })

  test.each(Object.entries(allowed))('%s is for %j', async (name, roles) => {
    const [method, path] = name.split(' ') as ['POST', string]
    for (const role of readers)
      for (const prefix of ['/api/2.0/mlflow', '/ajax-api/2.0/mlflow']) {
        const headers = { ...registry.as(role), 'content-type': 'application/json' }
        const { status, body } = await registry.request(method, `${prefix}${path}`, {}, headers)
        const isAllowed = roles.includes(role)
        expect([role, status === 403]).toEqual([role, !isAllowed])
        if (!isAllowed) expect(body.error_code).toBe('PERMISSION_DENIED')
      }
  })
})
