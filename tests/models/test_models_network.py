"""The network's structure: no row reads another, nothing under a mask is read, theta starts at its anchors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from models_helpers import SMALL, synthetic_samples

from models.fusion import CrossLayer, TransformerLayer
from models.inference import prepare
from models.network import Batch, HiddenEmotionNet, NetworkConfig
from models.normaliser import fit_normaliser
from models.stn import RegionSampler, optical_strain
from models.tcn import CausalConv, TemporalConvNet

N, WINDOWS, CHANNELS, BANDS, PX = 6, 8, 10, 3, 32


@pytest.fixture
def net() -> HiddenEmotionNet:
    torch.manual_seed(0)
    config = NetworkConfig(n_classes=4, n_channels=CHANNELS, n_bands=BANDS, n_windows=WINDOWS, **SMALL)
    return HiddenEmotionNet(config).eval()


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    window_mask = torch.ones(N, WINDOWS, dtype=torch.bool)
    window_mask[1, :5] = False
    window_mask[2, 3] = False
    return Batch(
        log_power=torch.randn(N, WINDOWS, CHANNELS, BANDS, generator=generator),
        channel_mask=torch.rand(N, WINDOWS, CHANNELS, generator=generator) > 0.2,
        window_mask=window_mask,
        flow=torch.randn(N, 2, PX, PX, generator=generator),
        apex=torch.rand(N, 1, PX, PX, generator=generator),
        has_eeg=torch.tensor([True, True, True, True, False, True]),
        has_face=torch.tensor([True, True, False, True, True, True]),
    )


def _take(batch: Batch, rows: list[int]) -> Batch:
    return Batch(*(getattr(batch, name)[rows] for name in Batch.__slots__))


def test_rows_do_not_attend_to_each_other(net: HiddenEmotionNet, batch: Batch) -> None:
    whole = net(batch)
    order = [3, 1, 5, 0, 4, 2]
    torch.testing.assert_close(net(_take(batch, order)), whole[order], atol=1e-5, rtol=0)
    for row in range(N):
        torch.testing.assert_close(net(_take(batch, [row])), whole[[row]], atol=1e-5, rtol=0)
    changed = replace(batch, log_power=batch.log_power.clone(), flow=batch.flow.clone())
    changed.log_power[1:] += 3.0
    changed.flow[1:] *= -2.0
    torch.testing.assert_close(net(changed)[0], whole[0], atol=1e-5, rtol=0)
    assert not torch.allclose(net(changed)[1], whole[1], atol=1e-3)


@pytest.mark.parametrize("garbage", [1e6, float("nan"), float("inf")])
def test_nothing_under_a_mask_is_read(net: HiddenEmotionNet, batch: Batch, garbage: float) -> None:
    hidden = ~(batch.channel_mask & batch.window_mask[..., None] & batch.has_eeg[:, None, None])
    dirty = replace(
        batch,
        log_power=torch.where(hidden[..., None], garbage, batch.log_power),
        channel_mask=batch.channel_mask | ~batch.window_mask[..., None],
        flow=torch.where(batch.has_face[:, None, None, None], batch.flow, garbage),
        apex=torch.where(batch.has_face[:, None, None, None], batch.apex, garbage),
    )
    assert not torch.equal(dirty.flow, batch.flow)
    torch.testing.assert_close(net(dirty), net(batch), atol=0, rtol=0)
    net.train()
    net(dirty).sum().backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in net.parameters())


def test_a_masked_channel_is_not_a_channel_at_its_mean(net: HiddenEmotionNet, batch: Batch) -> None:
    present = replace(batch, channel_mask=torch.ones_like(batch.channel_mask), log_power=batch.log_power.clone())
    present.log_power[:, :, 4] = 0.0
    absent = replace(present, channel_mask=present.channel_mask.clone())
    absent.channel_mask[:, :, 4] = False
    assert (net(present) - net(absent)).abs().max() > 1e-4


def test_left_padding_equals_a_shorter_sequence(net: HiddenEmotionNet) -> None:
    tcn = net.eeg.tcn
    x = torch.randn(2, WINDOWS, CHANNELS * (2 * BANDS + 1))
    mask = torch.ones(2, WINDOWS, dtype=torch.bool)
    mask[:, :5] = False
    padded = tcn(torch.where(mask[..., None], x, 0.0), mask)
    torch.testing.assert_close(padded[:, 5:], tcn(x[:, 5:], mask[:, 5:]), atol=1e-6, rtol=0)
    assert not padded[:, :5].any()


def test_one_modality_alone_equals_the_other_missing(net: HiddenEmotionNet, batch: Batch) -> None:
    encoded = net.encode(batch)
    none = torch.zeros(N, dtype=torch.bool)
    eeg_only = net.fuse(encoded, batch.has_eeg, none)
    face_blind = replace(batch, has_face=none, flow=torch.full_like(batch.flow, torch.nan))
    torch.testing.assert_close(eeg_only, net(face_blind), atol=1e-5, rtol=0)
    both = batch.has_eeg & batch.has_face
    assert (eeg_only - net(batch))[both].abs().max() > 1e-3
    assert torch.isfinite(net.fuse(encoded, none, none)).all()


def test_tcn_is_causal() -> None:
    torch.manual_seed(0)
    tcn = TemporalConvNet(5, width=8, levels=3).eval()
    x = torch.randn(1, 12, 5)
    mask = torch.ones(1, 12, dtype=torch.bool)
    later = x.clone()
    later[:, 7:] += 1.0
    torch.testing.assert_close(tcn(x, mask)[:, :7], tcn(later, mask)[:, :7], atol=0, rtol=0)
    assert not torch.allclose(tcn(x, mask)[:, 7:], tcn(later, mask)[:, 7:])


@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (2, 1), (2, 4), (3, 2), (2, 32)])
def test_causal_conv_equals_conv1d(kernel: int, dilation: int) -> None:
    torch.manual_seed(0)
    conv = CausalConv(5, 7, kernel, dilation)
    x = torch.randn(3, 12, 5)
    weight = conv.linear.weight.view(7, kernel, 5).transpose(1, 2)
    padded = F.pad(x.transpose(1, 2), ((kernel - 1) * dilation, 0))
    expected = F.conv1d(padded, weight, conv.linear.bias, dilation=dilation).transpose(1, 2)
    torch.testing.assert_close(conv(x), expected, atol=1e-5, rtol=1e-5)


def test_reference_settings_are_the_defaults() -> None:
    net = HiddenEmotionNet(NetworkConfig(n_classes=5))
    levels = list(net.eeg.tcn.blocks)
    assert len(levels) == 6
    assert [block.first.dilation for block in levels] == [1, 2, 4, 8, 16, 32]
    assert all(block.first.kernel == 2 and block.dropout.p == 0.2 for block in levels)
    assert all(block.second.linear.out_features == 128 for block in levels)
    assert 4 * sum(p.numel() for p in net.parameters()) < 4e6


def test_attention_equals_its_definition() -> None:
    torch.manual_seed(0)
    layer = TransformerLayer(8, 2, 0.0).eval()
    x = torch.randn(1, 4, 8)
    valid = torch.tensor([[True, True, False, True]])
    q, k, v = layer.qkv(layer.norm(x)).chunk(3, dim=-1)
    mixed = []
    for head in (slice(0, 4), slice(4, 8)):
        weight = q[..., head] @ k[..., head].transpose(1, 2) / 2.0
        weight[..., 2] = -torch.inf
        mixed.append(weight.softmax(-1) @ v[..., head])
    expected = x + layer.out(torch.cat(mixed, dim=-1))
    expected = expected + layer.feed_forward(expected)
    torch.testing.assert_close(layer(x, valid), expected, atol=1e-5, rtol=1e-5)


def test_each_modality_queries_both() -> None:
    torch.manual_seed(0)
    layer = CrossLayer(8, 2, 0.0).eval()
    own, other = torch.randn(1, 3, 8), torch.randn(1, 2, 8)
    valid = torch.ones(1, 5, dtype=torch.bool)
    answer = layer(own, torch.cat([own, other], 1), valid)
    assert not torch.allclose(answer, layer(own, torch.cat([own, other + 1.0 * torch.randn(1, 2, 8)], 1), valid))
    only_own = layer(own, torch.cat([own, other], 1), torch.tensor([[True, True, True, False, False]]))
    torch.testing.assert_close(only_own, layer(own, own, valid[:, :3]), atol=1e-6, rtol=0)


def test_theta_starts_as_the_identity_for_the_whole_face() -> None:
    sampler = RegionSampler(3, 32, 32)
    theta = sampler.theta(torch.randn(2, 3, 32, 32))
    identity = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    torch.testing.assert_close(theta[:, 0], identity.expand(2, 2, 3), atol=0, rtol=0)
    image = torch.rand(2, 4, 32, 32)
    glimpses = sampler.sample(image, theta).view(2, sampler.n_glimpses, 4, 32, 32)
    torch.testing.assert_close(glimpses[:, 0], image, atol=1e-5, rtol=0)


def test_glimpses_equal_affine_grid() -> None:
    torch.manual_seed(0)
    sampler = RegionSampler(3, 32, 12)
    torch.nn.init.normal_(sampler.to_theta.weight)
    image = torch.rand(2, 3, 32, 32)
    theta = sampler.theta(image)
    flat = theta.flatten(0, 1)
    grid = F.affine_grid(flat, [len(flat), 3, 12, 12], align_corners=False)
    expected = F.grid_sample(image.repeat_interleave(sampler.n_glimpses, 0), grid, align_corners=False)
    torch.testing.assert_close(sampler.sample(image, theta), expected, atol=1e-5, rtol=0)


def test_theta_reads_the_flow_and_moves_flow_and_apex_alike(net: HiddenEmotionNet, batch: Batch) -> None:
    sampler = net.face.sampler
    torch.nn.init.normal_(sampler.to_theta.weight, std=0.1)
    motion = torch.cat([batch.flow, optical_strain(batch.flow)], 1)
    theta = sampler.theta(motion)
    assert (theta[0] - theta[1]).abs().max() > 1e-3
    twice = sampler.sample(torch.cat([batch.apex, batch.apex], 1), theta)
    torch.testing.assert_close(twice[:, 0], twice[:, 1], atol=0, rtol=0)


def test_theta_gets_a_gradient(net: HiddenEmotionNet, batch: Batch) -> None:
    net(batch).square().sum().backward()
    assert net.face.sampler.to_theta.weight.grad is not None
    assert net.face.sampler.to_theta.weight.grad.abs().sum() > 0


def test_strain_of_known_fields() -> None:
    y, x = torch.meshgrid(torch.arange(9.0), torch.arange(9.0), indexing="ij")
    stretch = torch.stack([0.1 * x, torch.zeros_like(x)])[None]
    torch.testing.assert_close(optical_strain(stretch)[0, 0, 1:-1, 1:-1], torch.full((7, 7), 0.1), atol=1e-5, rtol=0)
    turn = torch.stack([-0.1 * y, 0.1 * x])[None]
    assert optical_strain(turn).abs().max() < 1e-5
    shear = torch.stack([0.1 * y, 0.1 * x])[None]
    expected = torch.full((7, 7), 0.1 * 2**0.5)
    torch.testing.assert_close(optical_strain(shear)[0, 0, 1:-1, 1:-1], expected, atol=1e-5, rtol=0)


def test_prepared_samples_keep_each_modality_for_those_that_have_it() -> None:
    samples = synthetic_samples(2, 2)
    prepared = prepare(samples, fit_normaliser(samples, samples.subjects), 32)
    assert len(prepared.log_power) == samples.has_eeg.sum()
    assert len(prepared.flow) == samples.has_face.sum()
    rows = torch.arange(len(samples))
    batch = prepared.batch(rows)
    np.testing.assert_array_equal(batch.has_eeg.numpy(), samples.has_eeg)
    np.testing.assert_array_equal(batch.has_face.numpy(), samples.has_face)
    there = np.flatnonzero(samples.has_eeg)
    np.testing.assert_array_equal(batch.window_mask.numpy()[there], samples.window_mask[there])
