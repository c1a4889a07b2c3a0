"""The model that is served: what it looks at, what it is made of, and how it learns, at two grains.

                         the next order          the next line
    learnt from          examples, batches       open_orders, line_examples
    everybody's counts   facts, companions       facts, companions, followers
    an LSTM reads        orders                  orders, line_reader
    heads                heads, own_items        line_heads, line_list
    put together         network (a sum)         line_network, mixture (one softmax over all sources)
    looked at twice      rerank, habits
    taught               training, rerank_fit,   line_fit, line_learner, line_settings
                         loss
    asked                order_ranker            line_ranker

`grains` is the way to both.
What both share is used by both: `architecture`, `companions`, `facts`, `factors`, `orders`, `reasons`, `runs`,
`safe_inputs`, `tensors`.
"""
