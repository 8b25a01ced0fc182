# shellcheck shell=sh
# The address of messages is taken for that of the registers.
# Score: 45/50
# Says: answer 2 in labs/00-tour/answers.txt is missing, or is not what your machine shows
sed -i 's/^2\. .*/2. 0xfee00000/' labs/00-tour/answers.txt
