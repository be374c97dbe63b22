"""What augmentation promises: pictures, flow and vectors change together, and a class stays what it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from models.augmentation import (
    AugmentationOptions,
    augment,
    draw_affine,
    mirrored,
    mix_within_class,
    same_class_partners,
    smooth_field,
    turn_vectors,
    warp_planes,
)
from models.network import Batch
from models.small import flow_input
from models.small.flow_input import standardise, vary_maps
from models.small.options import MapAugmentation

PX = 28


def maps(n: int = 6, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return smooth_field(torch.zeros(n, 3, PX, PX), 1.0, generator)


def batch(n: int = 8) -> Batch:
    generator = torch.Generator().manual_seed(5)
    return Batch(
        log_power=torch.randn(n, 6, 4, 5, generator=generator),
        channel_mask=torch.rand(n, 6, 4, generator=generator) > 0.2,
        window_mask=torch.arange(6).expand(n, 6) >= torch.arange(n)[:, None] % 3,
        flow=maps(n)[:, :2],
        apex=maps(n, 1)[:, :1],
        has_eeg=torch.arange(n) % 4 != 0,
        has_face=torch.arange(n) % 4 != 1,
    )


def test_mirroring_twice_gives_the_map_back_and_strain_keeps_its_sign() -> None:
    x = maps()
    assert torch.equal(mirrored(mirrored(x)), x)
    assert torch.equal(mirrored(x)[:, 0], -x[:, 0].flip(-1))
    assert torch.equal(mirrored(x)[:, 1:], x[:, 1:].flip(-1))


def test_a_quarter_turn_of_the_face_turns_its_motion_too() -> None:
    # theta leads from output to input: the picture turns the other way
    theta = torch.tensor([[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]]])
    flow = torch.zeros(1, 2, PX, PX)
    flow[:, 0] = 1.0  # everything goes right
    turned = turn_vectors(warp_planes(flow, theta), theta)
    torch.testing.assert_close(turned[:, 0], torch.zeros(1, PX, PX), atol=1e-5, rtol=0)
    torch.testing.assert_close(turned[:, 1], -torch.ones(1, PX, PX), atol=1e-5, rtol=0)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), rotation=st.floats(0, 0.4), zoom=st.floats(0, 0.2))
def test_a_warped_displacement_leads_to_the_warped_point(seed: int, rotation: float, zoom: float) -> None:
    """A point and where it goes, both seen through the warp, differ by the warped vector."""
    generator = torch.Generator().manual_seed(seed)
    theta = draw_affine(1, rotation, zoom, 0.1, generator)
    vector = torch.randn(1, 2, 1, 1, generator=generator).expand(1, 2, PX, PX)
    seen = turn_vectors(vector, theta)[0, :, 0, 0]
    back = theta[0, :, :2] @ seen
    torch.testing.assert_close(back, vector[0, :, 0, 0], atol=1e-4, rtol=1e-4)


def test_flow_and_picture_go_through_the_same_warp() -> None:
    theta = draw_affine(4, 0.1, 0.1, 0.1, torch.Generator().manual_seed(2))
    picture = maps(4)[:, :1]
    both = warp_planes(torch.cat([picture, picture], dim=1), theta)
    assert torch.equal(both[:, :1], warp_planes(picture, theta))
    assert not torch.equal(both[:, :1], picture)


@settings(max_examples=15, deadline=None)
@given(label=st.lists(st.integers(0, 3), min_size=1, max_size=30), seed=st.integers(0, 99))
def test_partners_share_the_class_and_nobody_is_used_twice(label: list[int], seed: int) -> None:
    y = torch.tensor(label)
    partner = same_class_partners(y, torch.Generator().manual_seed(seed))
    assert torch.equal(y[partner], y)
    assert sorted(partner.tolist()) == list(range(len(label)))


def test_mixup_stays_within_class_and_modalities_and_masks_only_lose() -> None:
    before = batch()
    before.log_power[~before.channel_mask] = torch.nan
    label = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
    after = mix_within_class(before, label, 1.0, torch.Generator().manual_seed(0))
    there = after.channel_mask & after.window_mask[:, :, None]
    assert torch.isfinite(after.log_power[there & before.has_eeg[:, None, None]]).all()
    assert not (after.channel_mask & ~before.channel_mask).any()
    assert torch.equal(after.has_eeg, before.has_eeg)
    # alone in its class with its modalities: nobody to mix with
    alone = mix_within_class(before, torch.arange(8), 1.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(alone.flow, before.flow)


def test_mixup_needs_labels_and_warps_are_off_by_default() -> None:
    options = AugmentationOptions(
        channel_dropout=0, short_history=0, time_masking=0, band_offset_sd=0, channel_offset_sd=0, mirror=0, flow_gain=0
    )
    generator = torch.Generator().manual_seed(0)
    same = augment(batch(), options.model_copy(update={"mixup": 1.0}), generator)
    assert torch.equal(same.flow, batch().flow)
    label = torch.zeros(8, dtype=torch.int64)
    mixed = augment(batch(), options.model_copy(update={"mixup": 1.0}), generator, label)
    assert not torch.equal(mixed.flow, batch().flow)
    warped = augment(batch(), options.model_copy(update={"rotation_sd": 0.1, "smooth_flow_sd": 0.1}), generator)
    assert not torch.equal(warped.apex, batch().apex)
    assert warped.flow.shape == batch().flow.shape


@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (37.0, 4.0), (1 / 255, -0.5)])
def test_standard_maps_know_neither_zero_nor_scale(scale: float, offset: float) -> None:
    x = maps()
    torch.testing.assert_close(standardise(x * scale + offset), standardise(x), atol=1e-4, rtol=1e-3)


def test_mirroring_and_standardising_can_be_swapped() -> None:
    # the lower of two middle values becomes the upper one: off by less than a step between neighbours
    torch.testing.assert_close(standardise(mirrored(maps())), mirrored(standardise(maps())), atol=0.02, rtol=0)


def test_a_map_without_motion_stays_zero() -> None:
    assert torch.equal(standardise(torch.full((2, 3, PX, PX), 4.0)), torch.zeros(2, 3, PX, PX))


@pytest.mark.parametrize("n", [783, 784])
def test_what_a_map_rests_at_is_its_median(n: int) -> None:
    values = torch.randn(5, 2, 1, n, generator=torch.Generator().manual_seed(0)).round(decimals=1)
    assert torch.equal(flow_input._medians(values), values.flatten(2).median(dim=2).values)


def test_a_smooth_field_is_the_coarse_one_interpolated() -> None:
    like = torch.zeros(3, 2, 28, 40)
    found = smooth_field(like, 0.5, torch.Generator().manual_seed(1))
    coarse = 0.5 * torch.randn(3, 2, 7, 7, generator=torch.Generator().manual_seed(1))
    wanted = F.interpolate(coarse, size=[28, 40], mode="bicubic", align_corners=False)
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=1e-5)


def test_varied_maps_are_mirrored_as_a_whole() -> None:
    x = standardise(maps(40))
    still = {name: 0.0 for name in MapAugmentation.model_fields if name != "mirror"}
    varied = vary_maps(x, MapAugmentation(**still, mirror=0.5), torch.Generator().manual_seed(3))
    chosen = torch.rand(40, generator=torch.Generator().manual_seed(3)) < 0.5
    expected = standardise(torch.where(chosen[:, None, None, None], mirrored(x), x))
    assert 0 < int(chosen.sum()) < 40
    torch.testing.assert_close(varied, expected, atol=1e-4, rtol=1e-4)


def test_varied_maps_are_standard_and_repeat_with_the_seed() -> None:
    x = standardise(maps(40))
    a, b = (vary_maps(x, MapAugmentation(), torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(a, b)
    torch.testing.assert_close(a.square().mean(dim=(2, 3)), torch.ones(40, 3), atol=1e-3, rtol=0)
    close = np.corrcoef(a.flatten().numpy(), x.flatten().numpy())[0, 1]
    assert abs(close) < 0.99
