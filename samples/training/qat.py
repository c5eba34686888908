"""Trains the bundled network with the rounding of its integers, and writes it as
ONNX with QuantizeLinear and DequantizeLinear."""

import argparse
import copy
import math
import os
import time

import torch
from torch.nn import functional

import export_qdq
import pictures
from export import load_bundled
from network import normalise
from quantize import QuantizedNetwork
from train import BATCH, accuracy


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="folder with train_jpeg.zip and so on")
    parser.add_argument("--models", default="samples/models", help="where to start")
    parser.add_argument("--output", default="cifar10_resnet_qat.onnx")
    parser.add_argument("--checkpoint", help="file to continue from when started again")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument(
        "--pictures", type=int, default=10**9, help="drawn anew for each epoch"
    )
    parser.add_argument("--rate", type=float, default=1e-3, help="Adam's, at first")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


class Training:
    """Learns the answers of the float network, its teacher."""

    def __init__(self, network, options, steps):
        self.teacher = network
        self.student = QuantizedNetwork(copy.deepcopy(network))
        self.optimizer = torch.optim.Adam(self.student.parameters(), options.rate)
        self.rate, self.step, self.steps = options.rate, 0, steps
        self.epoch, self.best = 0, math.inf

    def load(self, path):
        if path is None or not os.path.exists(path):
            return
        state = torch.load(path)
        self.student.load_state_dict(state["student"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.epoch, self.best = state["step"], state["epoch"], state["best"]

    def save(self, path):
        if path is None:
            return
        state = {
            "student": self.student.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "epoch": self.epoch,
            "best": self.best,
        }
        torch.save(state, path + ".new")
        os.replace(path + ".new", path)

    def prepare(self):
        """Ranges stay as they are from half of the steps on, batch norm's
        statistics from three quarters on, so that the rest trains what runs."""
        progress = self.step / self.steps
        self.student.train()
        if progress >= 0.5:
            self.student.freeze_observers()
        if progress >= 0.75:
            self.student.freeze_batch_norm()
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * 0.5 * (1 + math.cos(math.pi * progress))

    def loss(self, pixels):
        x = normalise(pixels)
        with torch.no_grad():
            wanted = torch.softmax(self.teacher(x), 1)
        return functional.cross_entropy(self.student(x), wanted)

    def learn(self, pixels):
        self.prepare()
        loss = self.loss(pixels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.step += 1
        return loss.item()

    @torch.no_grad()
    def held_out_loss(self, pixels):
        """Tells two epochs apart that are right on equally many pictures."""
        self.student.eval()
        losses = [self.loss(part).item() * len(part) for part in pixels.split(250)]
        return sum(losses) / len(pixels)


def main():
    options = parse_arguments()
    torch.set_num_threads(options.threads)
    (train_pictures, _), held_out = pictures.read_training(options.data)
    held_out = [torch.from_numpy(part) for part in held_out]
    network = load_bundled(options.models).to(memory_format=torch.channels_last)
    print(f"float: held out {100 * accuracy(network, *held_out):.2f} %", flush=True)
    count = min(options.pictures, len(train_pictures))
    batches = -(-count // BATCH)
    training = Training(network, options, options.epochs * batches)
    training.load(options.checkpoint)
    began = time.time()
    while training.epoch < options.epochs:
        torch.manual_seed(training.epoch)
        chosen = torch.randperm(len(train_pictures))[:count]
        varied = pictures.vary(train_pictures[chosen.numpy()], training.epoch)
        losses = [training.learn(part) for part in torch.from_numpy(varied).split(BATCH)]
        training.epoch += 1
        held_out_loss = training.held_out_loss(held_out[0])
        is_best = held_out_loss < training.best
        print(
            f"epoch {training.epoch}: loss {sum(losses) / len(losses):.4f}, held out "
            f"{held_out_loss:.4f} and {100 * accuracy(training.student, *held_out):.2f} "
            f"%, {(time.time() - began) / 60:.1f} minutes{', kept' if is_best else ''}",
            flush=True,
        )
        if is_best:
            training.best = held_out_loss
            export_qdq.export(training.student.eval(), options.output)
        training.save(options.checkpoint)


if __name__ == "__main__":
    main()
