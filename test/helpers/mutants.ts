import {
  type KyselyPlugin,
  type OperationNode,
  OperationNodeTransformer,
  RawNode,
  type RootOperationNode,
  SelectModifierNode,
  type UpdateQueryNode,
  WhereNode,
} from 'kysely'

// Builds that are broken on purpose. They live in the tests alone: a plugin rewrites the product's own queries on
// their way to the database, so a test can show that it would notice if the product did the same.

/**
 * A build that holds no lock on a model: `for update` is dropped from every select, and so is the update of the
 * model's row, with which the history would lock it again.
 */
export const withoutModelLock: KyselyPlugin = rewriting((node) => {
  if (node.kind === 'SelectQueryNode') return { ...node, endModifiers: [] }
  if (node.kind === 'UpdateQueryNode' && updates(node, 'registered_model'))
    return { ...node, where: WhereNode.create(RawNode.createWithSql('false')) }
  return node
})

/** A build without the fence: a command's attempt is not compared when it is claimed or ended (V9). */
export const withoutFence: KyselyPlugin = rewriting((node) =>
  node.kind === 'UpdateQueryNode' && updates(node, 'command') && node.where !== undefined
    ? { ...node, where: WhereNode.create(innermost(node.where.where)) }
    : node,
)

/** A build that asks for nothing: no command is appended. */
export const withoutNewCommands: KyselyPlugin = rewriting((node) => {
  if (node.kind !== 'InsertQueryNode' || !concerns(node.into, 'command')) return node
  const { columns: _, ...rest } = node
  return { ...rest, values: RawNode.createWithSql('select * from command where false') }
})

/** A build that sees no command when it looks for one. */
export const withoutSightOfCommands: KyselyPlugin = rewriting((node) =>
  node.kind === 'SelectQueryNode' && concerns(node.from, 'command')
    ? { ...node, where: WhereNode.create(RawNode.createWithSql('false')) }
    : node,
)

/** A build that locks a request against whoever adds a decision to it. */
export const withStrongRequestLock: KyselyPlugin = rewriting((node) =>
  node.kind === 'SelectQueryNode' &&
  concerns(node.from, 'approval_request') &&
  node.endModifiers !== undefined
    ? { ...node, endModifiers: [SelectModifierNode.create('ForUpdate')] }
    : node,
)

/** A build that leaves no receiver alone: none is ever noted as one that does not answer. */
export const withoutRest: KyselyPlugin = rewriting((node) =>
  node.kind === 'UpdateQueryNode' && updates(node, 'webhook')
    ? { ...node, where: WhereNode.create(RawNode.createWithSql('false')) }
    : node,
)

/** A build whose statements have the fixed texts of their template literals rewritten; what is bound stays as it is. */
export function rewritingText(rewrite: (fragment: string) => string): KyselyPlugin {
  const transformer = new (class extends OperationNodeTransformer {
    protected override transformRaw(node: RawNode): RawNode {
      const transformed = super.transformRaw(node)
      return { ...transformed, sqlFragments: transformed.sqlFragments.map(rewrite) }
    }
  })()
  return rewriting((node) => transformer.transformNode(node))
}

function updates(node: UpdateQueryNode, table: string): boolean {
  return concerns(node.table, table)
}

function concerns(part: OperationNode | undefined, table: string): boolean {
  return JSON.stringify(part)?.includes(`"${table}"`) ?? false
}

// A condition is a chain of ANDs whose innermost left side is the one on the id.
function innermost(condition: OperationNode): OperationNode {
  let node: OperationNode & { left?: OperationNode } = condition
  while (node.kind === 'AndNode' && node.left !== undefined) node = node.left
  return node
}

function rewriting(rewrite: (node: RootOperationNode) => RootOperationNode): KyselyPlugin {
  return {
    transformQuery: ({ node }) => rewrite(node),
    transformResult: async ({ result }) => result,
  }
}
