from math import inf

from hypothesis import given
from hypothesis import strategies as st

from resque.store.queues import Reserved
from resque.worker.standby import Order

ORDERS = st.builds(
    Order,
    st.builds(
        Reserved,
        st.text(st.characters(exclude_categories=["Cs"])),
        st.binary(),
        st.integers(-(2**63) + 1, 2**63 - 1),
    ),
    st.one_of(st.integers(1, 1000).map(float), st.just(inf)),
)


@given(ORDERS)
def test_an_order_arrives_as_it_was(order: Order):
    """Whatever the queue's name and the element are."""
    assert Order.unpack(order.pack()) == order


@given(ORDERS, st.data())
def test_a_part_of_an_order_is_none(order: Order, data: st.DataObject):
    """Its sender may have died in the middle."""
    whole = order.pack()
    assert Order.unpack(whole[: data.draw(st.integers(0, len(whole) - 1))]) is None


def test_a_counter_that_somebody_has_overwritten():
    """What fits no machine word does not keep the job from its process."""
    order = Order(Reserved("q", b"{}", 10**30), 1)
    assert Order.unpack(order.pack()) == Order(Reserved("q", b"{}", 2**63 - 1), 1)
